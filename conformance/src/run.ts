/**
 * Runs every suite that a folder of recorded cases has and groups the outcomes by op.
 */
import { type Api, Missing } from "./api.ts";
import { checkpointCases } from "./checkpoints.ts";
import { deviationFor } from "./deviations.ts";
import { exceptionFor, takesTensors } from "./device.ts";
import { type Case, isObject, type Json, type JsonObject, readCases, readJson } from "./format.ts";
import { runMisc } from "./misc.ts";
import { type ModuleCase, runModule } from "./modules.ts";
import { type ErrorCase, type OpCase, runError, runOp } from "./ops.ts";
import { runOptim, runScheduler } from "./optim.ts";
import { isRows, promotionCases, reprCases, streamCases, type TableCase } from "./tables.ts";
import { runTrain } from "./train.ts";

export interface Failure {
  readonly id: string;
  readonly reason: string;
}

/** The outcomes of one op (module, optimizer, …) of one suite. */
export interface Outcome {
  readonly suite: string;
  readonly op: string;
  passed: number;
  missing: number;
  /** Why cases count as missing: the last reason seen. */
  missingReason: string;
  readonly failures: Failure[];
  /** Cases that differ on purpose, with the reason: see deviations.ts. */
  readonly deviating: Failure[];
  /** How many cases do not apply to the device, by reason. */
  readonly leftOut: Map<string, number>;
}

export interface Selection {
  /** Only these ops, modules or optimizers. */
  readonly ops?: readonly string[] | undefined;
  /** Only these suites. */
  readonly suites?: readonly string[] | undefined;
  /** All but these suites. */
  readonly without?: readonly string[] | undefined;
  /** Told the id of each case before it runs. */
  readonly begin?: ((id: string) => void) | undefined;
}

interface Job {
  readonly suite: string;
  readonly op: string;
  readonly id: string;
  /** Null for a row of a table. */
  readonly source: Case | null;
  run(api: Api): void;
}

function jobs(directory: string): Job[] {
  const out: Job[] = [];
  const fromCases = <C extends Case>(
    suite: string,
    op: (c: C) => string,
    run: (api: Api, c: C, pools: NonNullable<ReturnType<typeof readCases>>["pools"]) => void,
  ) => {
    const read = readCases(directory, suite);
    if (read === null) return;
    for (const c of read.cases as C[]) out.push({ suite, op: op(c), id: c.id, source: c, run: (api) => run(api, c, read.pools) });
  };
  const fromTable = (suite: string, make: (table: Json) => TableCase[]) => {
    const table = readJson(directory, `${suite}.json`);
    if (table !== null)
      for (const c of make(table)) out.push({ suite, op: c.op, id: c.id, source: null, run: (api) => c.run(api) });
  };
  fromCases<OpCase>("ops", (c) => c.op, runOp);
  fromCases<ErrorCase>("ops-errors", (c) => c.op, runError);
  fromCases<ModuleCase>("modules", (c) => c.module, runModule);
  fromCases<Case>("optim", (c) => c.optimizer as string, runOptim);
  fromCases<Case>("lr-schedulers", (c) => c.scheduler as string, runScheduler);
  fromCases<Case>("train", (c) => c.name as string, runTrain);
  fromCases<Case>("misc", (c) => (c.fn ?? c.kind) as string, runMisc);
  fromTable("type-promotion", (table) => (isObject(table) ? promotionCases(table as JsonObject) : []));
  fromTable("rng", (table) => (isRows(table) ? streamCases(table) : []));
  fromTable("repr", (table) => reprCases(table as { expr: string; repr: string }[]));
  for (const c of checkpointCases(directory)) out.push({ suite: "checkpoints", source: null, ...c });
  return out;
}

/** Runs the cases one after the other, each on its own: nothing that one throws stops the others. */
export function runAll(api: Api, directory: string, selection: Selection = {}): Outcome[] {
  const outcomes = new Map<string, Outcome>();
  for (const job of jobs(directory)) {
    if (selection.ops !== undefined && !selection.ops.includes(job.op)) continue;
    if (selection.suites !== undefined && !selection.suites.includes(job.suite)) continue;
    if (selection.without?.includes(job.suite)) continue;
    const key = `${job.suite}/${job.op}`;
    let outcome = outcomes.get(key);
    if (outcome === undefined) {
      outcome = {
        suite: job.suite,
        op: job.op,
        passed: 0,
        missing: 0,
        missingReason: "",
        failures: [],
        deviating: [],
        leftOut: new Map(),
      };
      outcomes.set(key, outcome);
    }
    const exception = api.device === null ? null : exceptionFor(api.device, job.suite, job.source);
    if (exception !== null) {
      outcome.leftOut.set(exception, (outcome.leftOut.get(exception) ?? 0) + 1);
      continue;
    }
    // what is made from nothing is made on the device; otherwise the inputs decide
    api.setDefaultDevice(job.source !== null && !takesTensors(job.source));
    selection.begin?.(`${key} ${job.id}`);
    try {
      job.run(api);
      outcome.passed++;
    } catch (error) {
      if (error instanceof Missing) {
        outcome.missing++;
        outcome.missingReason = error.message;
      } else {
        const reason =
          error instanceof Error ? `${error.name === "Error" ? "" : `${error.name}: `}${error.message}` : String(error);
        const deviation = deviationFor(job.id.startsWith(job.suite) ? job.id : `${job.suite}/${job.id}`);
        if (deviation === null) outcome.failures.push({ id: job.id, reason });
        else outcome.deviating.push({ id: job.id, reason: deviation });
      }
    }
  }
  return [...outcomes.values()];
}

/** How many cases do not apply to the device, by reason. */
export function leftOutBy(outcomes: readonly Outcome[]): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const { leftOut } of outcomes) for (const [reason, count] of leftOut) out.set(reason, (out.get(reason) ?? 0) + count);
  return out;
}
