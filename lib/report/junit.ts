// A regression check in the two forms that CI systems show: JUnit XML, and GitHub's annotation commands.

import { checkOptions } from "../options.ts";
import { gateMessage, type GateReport } from "./gate.ts";
import { dropUnprintable, escapeXml } from "./plot_style.ts";

/** What a JUnit file is called inside. */
export interface JunitOptions {
  /** Name of the suite; default "bitline". */
  readonly suite?: string;
}

/**
 * A regression check as JUnit XML: one test case a metric, failures with what was and what is.
 *
 * @throws {OptionError} if an option is unknown.
 *
 * @example
 * ```ts
 * import { gate, junitXml } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const xml = junitXml(gate({ cycles: 12 }, { cycles: 10 }));
 * assert(xml.includes('failures="1"') && xml.includes("went from 10 to 12"));
 * ```
 */
export function junitXml({ rows }: Pick<GateReport, "rows">, options: JunitOptions = {}): string {
  checkOptions("write JUnit XML", "junitXml", options, ["suite"]);
  const suite = escapeXml(options.suite ?? "bitline"), failures = rows.filter(({ passed }) => !passed).length;
  const counts = `tests="${rows.length}" failures="${failures}" errors="0" skipped="0"`;
  const cases = rows.map((row) => {
    const name = escapeXml(row.metric), message = escapeXml(gateMessage(row));
    const inside = row.passed
      ? `<system-out>${message}</system-out>`
      : `<failure type="${row.status}" message="${message.replace(/\n/g, "&#10;")}">${message}</failure>`;
    return `    <testcase classname="${suite}" name="${name}">${inside}</testcase>`;
  });
  return dropUnprintable(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts}>
  <testsuite name="${suite}" ${counts}>
${cases.join("\n")}
  </testsuite>
</testsuites>
`);
}

/** Where annotations are shown. */
export interface AnnotationOptions {
  /** File they belong to, the baseline's path in the repository; none by default. */
  readonly file?: string;
}

/**
 * A regression check as GitHub workflow commands, one a line: an error for each metric that failed, and one notice of those that got
 * better or are new. GitHub shows the first ten errors of a step.
 *
 * @throws {OptionError} if an option is unknown.
 *
 * @example
 * ```ts
 * import { gate, githubAnnotations } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const lines = githubAnnotations(gate({ cycles: 12 }, { cycles: 10 }), { file: "ci/baseline.json" });
 * assertEquals(lines, ["::error file=ci/baseline.json,title=cycles worse::cycles went from 10 to 12 (lower is better, tolerance 0): worse"]);
 * ```
 */
export function githubAnnotations({ rows }: Pick<GateReport, "rows">, options: AnnotationOptions = {}): string[] {
  checkOptions("write annotations", "githubAnnotations", options, ["file"]);
  const { file } = options, place = file === undefined ? "" : `file=${inProperty(file)},`;
  const command = (kind: string, title: string, message: string) => `::${kind} ${place}title=${inProperty(title)}::${inMessage(message)}`;
  const good = rows.filter(({ passed, status }) => passed && (status === "better" || status === "new"));
  return [
    ...rows.filter(({ passed }) => !passed).map((row) => command("error", `${row.metric} ${row.status}`, gateMessage(row))),
    ...good.length === 0 ? [] : [command("notice", `${good.length} better or new`, good.map(gateMessage).join("\n"))],
  ];
}

/** GitHub's escapes of a message: a line break would start another command. */
function inMessage(text: string): string {
  return text.replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}

function inProperty(text: string): string {
  return inMessage(text).replace(/:/g, "%3A").replace(/,/g, "%2C");
}
