// How operations travel: fetch for queries and mutations, graphql-transport-ws for subscriptions.
"use strict";

window.archipelTransport = (() => {
  const overHttp = async (operation, token, headers) => {
    const sent = { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json", ...headers };
    if (token) sent.Authorization = `Bearer ${token}`;
    const response = await fetch("/graphql", { method: "POST", headers: sent, body: JSON.stringify(operation) });
    return response.json();
  };

  // https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, one socket a subscription.
  const overWebSocket = (operation, token) => ({
    subscribe(observer) {
      const address = new URL("/graphql", location.href);
      address.protocol = address.protocol.replace("http", "ws");
      const socket = new WebSocket(address, "graphql-transport-ws");
      let over = false;
      const end = (tell) => {
        if (over) return;
        over = true;
        socket.close(1000);
        tell();
      };
      const send = (message) => socket.send(JSON.stringify(message));
      socket.onopen = () =>
        send({ type: "connection_init", payload: token ? { Authorization: `Bearer ${token}` } : {} });
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === "connection_ack") send({ type: "subscribe", id: "1", payload: operation });
        else if (message.type === "ping") send({ type: "pong" });
        else if (message.type === "next") observer.next(message.payload);
        else if (message.type === "error") end(() => observer.error({ errors: message.payload }));
        else if (message.type === "complete") end(() => observer.complete());
      };
      socket.onclose = ({ code, reason }) =>
        end(() => observer.error(new Error(`The connection was closed: ${reason || "no reason given"} (${code})`)));
      return { unsubscribe: () => end(() => {}) };
    },
  });

  const isSubscription = (document, name) =>
    (document?.definitions ?? []).some(
      (definition) =>
        definition.kind === "OperationDefinition" &&
        definition.operation === "subscription" &&
        (!name || definition.name?.value === name),
    );

  return { overHttp, overWebSocket, isSubscription };
})();
