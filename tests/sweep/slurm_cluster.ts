// A Slurm cluster of one node on this machine, for as long as a test runs: Debian's daemons, as root, on ports and folders of their own.

/** Whether the daemons are installed and may be started. */
export function hasSlurm(): boolean {
  const there = (path: string) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  };
  return Deno.uid() === 0 && ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged", "/usr/bin/sbatch"].every(there);
}

/** Owns the daemons and their folder. */
export class SlurmCluster implements AsyncDisposable {
  readonly folder: string;
  readonly #daemons: Deno.ChildProcess[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts the daemons and waits for the node to be idle. Slurm's commands find the cluster through SLURM_CONF. */
  static async start(): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(await Deno.makeTempDir({ prefix: "slurm" })), { folder } = cluster, host = Deno.hostname();
    const port = 20_000 + Math.floor(Math.random() * 10_000), cpus = navigator.hardwareConcurrency;
    await Deno.chmod(folder, 0o755);
    await Deno.writeFile(`${folder}/munge.key`, crypto.getRandomValues(new Uint8Array(128)), { mode: 0o400 });
    for (const name of ["state", "spool"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeTextFile(
      `${folder}/slurm.conf`,
      [
        "ClusterName=test",
        `SlurmctldHost=${host}(127.0.0.1)`,
        `SlurmctldPort=${port}`,
        `SlurmdPort=${port + 1}`,
        "SlurmUser=root",
        "SlurmdUser=root",
        `StateSaveLocation=${folder}/state`,
        `SlurmdSpoolDir=${folder}/spool`,
        `SlurmctldPidFile=${folder}/ctld.pid`,
        `SlurmdPidFile=${folder}/d.pid`,
        `AuthInfo=socket=${folder}/munge.sock`,
        "AuthType=auth/munge",
        "CredType=cred/munge",
        "ProctrackType=proctrack/pgid",
        "TaskPlugin=task/none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core",
        "SchedulerParameters=batch_sched_delay=0,sched_min_interval=0",
        "JobAcctGatherType=jobacct_gather/none",
        "AccountingStorageType=accounting_storage/none",
        "ReturnToService=2",
        "MpiDefault=none",
        `NodeName=${host} NodeAddr=127.0.0.1 CPUs=${cpus} State=UNKNOWN`,
        `PartitionName=main Nodes=${host} Default=YES MaxTime=INFINITE State=UP`,
        "",
      ].join("\n"),
    );
    Deno.env.set("SLURM_CONF", `${folder}/slurm.conf`);
    const files = ["key", "sock", "pid", "log", "seed"].map((name) => `${folder}/munge.${name}`);
    const [key, sock, pid, log, seed] = files;
    cluster.#spawn("/usr/sbin/munged", [
      ...["-F", "-f", `--key-file=${key}`, `--socket=${sock}`, `--pid-file=${pid}`, `--log-file=${log}`, `--seed-file=${seed}`],
    ]);
    await until(async () => await Deno.lstat(sock!).then(() => true, () => false), "munged");
    cluster.#spawn("/usr/sbin/slurmctld", ["-D", "-c"]);
    cluster.#spawn("/usr/sbin/slurmd", ["-D"]);
    await until(async () => {
      const { stdout } = await new Deno.Command("sinfo", { args: ["-h", "-o", "%T"], stderr: "null" }).output();
      return new TextDecoder().decode(stdout).trim() === "idle";
    }, "the node");
    return cluster;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons.reverse()) {
      try {
        daemon.kill("SIGTERM");
      } catch {
        // It has ended already.
      }
      const late = setTimeout(() => daemon.kill("SIGKILL"), 3000);
      await daemon.status;
      clearTimeout(late);
    }
    Deno.env.delete("SLURM_CONF");
    await Deno.remove(this.folder, { recursive: true });
  }

  #spawn(command: string, args: readonly string[]): void {
    this.#daemons.push(new Deno.Command(command, { args: [...args], stdin: "null", stdout: "null", stderr: "null" }).spawn());
  }
}

async function until(done: () => Promise<boolean>, what: string): Promise<void> {
  for (let time = 0; time < 150; time++) {
    if (await done()) return;
    await new Promise((next) => setTimeout(next, 100));
  }
  throw new Error(`${what} did not start`);
}
