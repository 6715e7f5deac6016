// A client of one gateway for one sender.  It reads what it has written: the consistency token of a mutation goes with
// every later request.
import type { TypedDocumentString } from './generated/graphql.js';

/** Why the gateway did not answer, or a command was refused; `code` is stable. */
export class Failure extends Error {
  constructor(readonly code: string, message: string) {
    super(`${code}: ${message}`);
  }
}

/** What every mutation answers beside its object. */
interface Payload {
  readonly consistencyToken: string | null;
  readonly errors: ReadonlyArray<{ readonly code: string; readonly message: string }>;
}

interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: ReadonlyArray<{ readonly message: string; readonly extensions: { readonly code: string } }>;
}

export interface Options {
  readonly url: string;
  readonly token: string;
  /** Send the hashes of trusted documents instead of their text. */
  readonly trusted: boolean;
}

export class Client {
  #consistencyToken: string | null = null;

  constructor(private readonly options: Options) {}

  /** The data of an operation; rejects with `Failure` when any field of it failed. */
  async run<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Data> {
    const what = this.options.trusted ? { documentId: document.__meta__?.['hash'] } : { query: document.toString() };
    const response = await fetch(this.options.url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${this.options.token}`,
        'Content-Type': 'application/json',
        Accept: 'application/graphql-response+json',
        ...(this.#consistencyToken === null ? {} : { 'Archipel-Consistency-Token': this.#consistencyToken }),
      },
      body: JSON.stringify({ ...what, variables }),
    });
    const { data, errors = [] } = (await response.json()) as Answer<Data>;
    const [first] = errors;
    if (first) throw new Failure(first.extensions.code, first.message);
    if (!data) throw new Failure('NO_DATA', `the gateway answered ${response.status}`);
    return data;
  }

  /** The payload of a command that was carried out; throws `Failure` when it was refused. */
  accepted<P extends Payload>(payload: P): P {
    const [refusal] = payload.errors;
    if (refusal) throw new Failure(refusal.code, refusal.message);
    this.#consistencyToken = payload.consistencyToken;
    return payload;
  }
}
