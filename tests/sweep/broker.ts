// A NATS broker on this machine, for as long as a test runs; its files survive its restarts.

/** Where nats-server 2.9 or later is installed; undefined if it is not. */
const program = ["nats-server", "/usr/sbin/nats-server"].find((command) => {
  try {
    const { stdout } = new Deno.Command(command, { args: ["--version"], stderr: "null" }).outputSync();
    const version = /v(\d+)\.(\d+)/.exec(new TextDecoder().decode(stdout));
    return version !== null && Number(version[1]) * 100 + Number(version[2]) >= 209;
  } catch {
    return false;
  }
});

/** Whether nats-server is installed. */
export function hasNats(): boolean {
  return program !== undefined;
}

/** Owns the server process. */
export class Broker implements AsyncDisposable {
  /** Address, `host:port`. */
  readonly server: string;
  readonly #folder: string;
  readonly #port: number;
  #process: Deno.ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.server = `127.0.0.1:${port}`;
  }

  /** Starts a broker with JetStream on a free port, its files in a folder. */
  static async start(folder: string): Promise<Broker> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr;
    listener.close();
    const broker = new Broker(folder, port);
    await broker.#start();
    return broker;
  }

  /** Kills the server, waits, and starts it again. */
  async restart(pause = 300): Promise<void> {
    await this.#stop("SIGKILL");
    await new Promise((next) => setTimeout(next, pause));
    await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop("SIGTERM");
  }

  async #stop(signal: Deno.Signal): Promise<void> {
    this.#process?.kill(signal);
    await this.#process?.status;
    this.#process = undefined;
  }

  async #start(): Promise<void> {
    const args = ["-js", "-sd", this.#folder, "-a", "127.0.0.1", "-p", String(this.#port)];
    this.#process = new Deno.Command(program!, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
    for (let time = 0; time < 100; time++) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.#port })).close();
        return;
      } catch {
        await new Promise((next) => setTimeout(next, 50));
      }
    }
    throw new Error("nats-server did not start");
  }
}
