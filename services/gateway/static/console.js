// Puts GraphiQL on the page and the token into its requests.
"use strict";

(() => {
  const field = document.getElementById("token");
  const state = document.getElementById("state");
  const { overHttp, overWebSocket, isSubscription } = window.archipelTransport;

  // "eyJ…", "Bearer eyJ…" and "Authorization: Bearer eyJ…" all mean the same.
  const bare = (text) => text.trim().replace(/^["']?authorization["']?\s*:\s*["']?/i, "").replace(/^bearer\s+/i, "").replace(/["',\s]+$/, "");

  const show = (kind, text) => {
    state.dataset.state = kind;
    state.textContent = text;
  };

  const describe = async () => {
    const token = bare(field.value);
    if (token) sessionStorage.setItem("token", token);
    else sessionStorage.removeItem("token");
    if (!token) return show("", "anonymous");
    const answer = await overHttp({ query: "{ me { identity memberships { brand { name } } } }" }, token, {}).catch(() => null);
    if (bare(field.value) !== token) return undefined;
    const me = answer?.data?.me;
    if (me?.memberships) return show("good", `signed in, ${me.memberships.length} brand${me.memberships.length === 1 ? "" : "s"}`);
    const code = answer?.errors?.[0]?.extensions?.code;
    return show("bad", code === "UNAUTHENTICATED" ? "token refused" : "no answer");
  };

  // The fragment never travels to the server; a token is taken out of the address at once.
  const given = new URLSearchParams(location.hash.slice(1));
  field.value = given.get("token") ?? sessionStorage.getItem("token") ?? "";
  if (given.has("token")) {
    given.delete("token");
    history.replaceState(null, "", location.pathname + (given.size ? `#${given}` : ""));
  }
  document.getElementById("identity").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("identity").addEventListener("reset", () => setTimeout(describe));
  field.addEventListener("change", describe);
  field.addEventListener("paste", () => setTimeout(() => { field.value = bare(field.value); describe(); }));
  describe();

  const fetcher = (operation, { headers, documentAST } = {}) => {
    const token = bare(field.value);
    return isSubscription(documentAST, operation.operationName)
      ? overWebSocket(operation, token)
      : overHttp(operation, token, headers);
  };

  const tabs = window.archipelExamples(given.get("brand") ?? "lighthouse");
  // GraphiQL fills the first tab's query in from the default tabs, but not its variables, so they are given apart.
  // Where tabs of an earlier visit are kept, they would open one tab more.
  const firstVisit = localStorage.getItem("graphiql:tabState") === null;
  const element = document.getElementById("console");
  ReactDOM.createRoot(element).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      ...(firstVisit && { variables: tabs[0].variables }),
      defaultEditorToolsVisibility: "variables",
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false,
    }),
  );
})();
