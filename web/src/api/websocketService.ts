import ReconnectingWebSocket from "partysocket/ws";
import type { Connection } from "./activityStore";
import type { ClientFrame, ServerFrame } from "./frames";

export interface SocketOptions {
  /** A one-use ticket; rejects when there is none to be had now. */
  ticket: () => Promise<string>;
  /** A fresh access token for the open socket, or null when signed out. */
  renewToken: () => Promise<string | null>;
  onFrame: (frame: ServerFrame) => void;
  onState: (state: Connection) => void;
  /** Called each time the socket is usable. `fresh`: there was no cursor to go on from. */
  onReady: (fresh: boolean) => void;
  WebSocket?: unknown;
}

const PATH = "/api/v1/chat/ws";
const PING_EVERY = 25_000;
/** Silence after a ping for this long means the connection is dead though it looks open. */
const PONG_WITHIN = 10_000;
const DRAIN_JITTER = 2_000;
/** The server applies at most this many `watch` ids on connecting. */
const MAX_WATCHED = 8;

/**
 * The page's one socket. It reconnects by itself and goes on from the last cursor, so that the
 * frames handed to `onFrame` are the feed in order and without holes.
 */
export class WebsocketService {
  private socket: ReconnectingWebSocket | null = null;
  private cursor: string | null = null;
  private state: Connection = "connecting";
  private readonly watched = new Set<string>();
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private drain: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: SocketOptions) {}

  start(): void {
    addEventListener("online", this.retryNow);
    addEventListener("offline", this.checkNow);
    document.addEventListener("visibilitychange", this.checkNow);
    this.heartbeat = setInterval(this.ping, PING_EVERY);
    this.connect();
  }

  stop(): void {
    removeEventListener("online", this.retryNow);
    removeEventListener("offline", this.checkNow);
    document.removeEventListener("visibilitychange", this.checkNow);
    clearInterval(this.heartbeat);
    this.disconnect();
  }

  get isOpen(): boolean {
    return this.state === "open";
  }

  /** Sends at once, or not at all: true when the frame went out. */
  send(frame: ClientFrame): boolean {
    if (!this.isOpen || this.socket?.readyState !== ReconnectingWebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Asks for the tokens of a conversation, now and after every reconnect. */
  watch(conversationId: string): void {
    this.watched.delete(conversationId);
    this.watched.add(conversationId);
    this.send({ type: "watch", data: {}, conversation_id: conversationId });
  }

  unwatch(conversationId: string): void {
    if (this.watched.delete(conversationId)) {
      this.send({ type: "unwatch", data: {}, conversation_id: conversationId });
    }
  }

  private connect(): void {
    const socket = new ReconnectingWebSocket(this.url, undefined, {
      minReconnectionDelay: 300 + Math.random() * 500,
      maxReconnectionDelay: 5_000,
      reconnectionDelayGrowFactor: 1.6,
      connectionTimeout: 8_000,
      maxEnqueuedMessages: 0,
      WebSocket: this.options.WebSocket,
    });
    this.socket = socket;
    socket.addEventListener("message", this.receive);
    socket.addEventListener("close", this.lost);
    socket.addEventListener("error", this.lost);
  }

  private disconnect(): void {
    clearTimeout(this.deadline);
    clearTimeout(this.drain);
    const { socket } = this;
    if (!socket) return;
    this.socket = null;
    socket.removeEventListener("message", this.receive);
    socket.removeEventListener("close", this.lost);
    socket.removeEventListener("error", this.lost);
    socket.close();
  }

  private readonly url = async (): Promise<string> => {
    const query = new URLSearchParams({ token: await this.options.ticket() });
    if (this.cursor !== null) query.set("since", this.cursor);
    const watch = [...this.watched].slice(-MAX_WATCHED);
    if (watch.length) query.set("watch", watch.join(","));
    return `${location.origin.replace(/^http/, "ws")}${PATH}?${query}`;
  };

  private readonly receive = (event: MessageEvent): void => {
    clearTimeout(this.deadline);
    let frame: ServerFrame;
    try {
      frame = JSON.parse(String(event.data)) as ServerFrame;
    } catch {
      return;
    }
    if (frame.type === "connection") {
      this.connectionFrame(frame);
    } else if (frame.type === "pong") {
      // Sent in order with the feed, so everything before it has been seen.
      this.cursor = frame.data.cursor ?? this.cursor;
    } else {
      if (frame.type === "reset") this.cursor = frame.data.cursor ?? null;
      this.options.onFrame(frame);
      this.cursor = frame.cursor ?? this.cursor;
    }
  };

  private connectionFrame(frame: Extract<ServerFrame, { type: "connection" }>): void {
    this.options.onFrame(frame);
    const { status } = frame.data;
    if (status === "ready") {
      const fresh = this.cursor === null;
      // With a cursor of our own the replay still follows: taking the server's could skip it.
      if (fresh) this.cursor = frame.data.cursor ?? null;
      this.setState("open");
      this.options.onReady(fresh);
    } else if (status === "auth_expiring") {
      void this.renew();
    } else if (status === "draining") {
      const delay = frame.data.retry_after_ms ?? Math.random() * DRAIN_JITTER;
      this.drain = setTimeout(this.restart, delay);
    }
  }

  private async renew(): Promise<void> {
    const token = await this.options.renewToken().catch(() => null);
    if (token) this.send({ type: "auth", data: { token }, conversation_id: null });
  }

  private readonly ping = (): void => {
    if (!this.send({ type: "ping", data: {}, conversation_id: null })) return;
    clearTimeout(this.deadline);
    this.deadline = setTimeout(this.restart, PONG_WITHIN);
  };

  private readonly checkNow = (): void => {
    if (document.visibilityState === "hidden") return;
    if (this.isOpen) this.ping();
    else this.restart();
  };

  private readonly retryNow = (): void => {
    if (!this.isOpen) this.restart();
  };

  private readonly restart = (): void => {
    this.disconnect();
    this.lost();
    this.connect();
  };

  private readonly lost = (): void => {
    clearTimeout(this.deadline);
    clearTimeout(this.drain);
    if (this.state === "open") this.setState("reconnecting");
  };

  private setState(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    this.options.onState(state);
  }
}
