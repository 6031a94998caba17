import type { ServerFrame } from "./frames";

/** A WebSocket whose other end is the test. */
export class FakeSocket extends EventTarget {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    const last = FakeSocket.all.at(-1);
    if (!last) throw new Error("nothing has connected");
    return last;
  }
  readyState = 0;
  binaryType = "blob";
  sent: Record<string, unknown>[] = [];

  constructor(readonly url: string) {
    super();
    FakeSocket.all.push(this);
  }

  get query(): URLSearchParams {
    return new URL(this.url).searchParams;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  /** The server accepts and says it is ready. */
  ready(data: { cursor?: string; version?: string } = {}): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
    this.receive({ type: "connection", data: { status: "ready", ...data } });
  }

  receive(frame: ServerFrame | Record<string, unknown>): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  }

  /** The network goes away. */
  drop(): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }
}
