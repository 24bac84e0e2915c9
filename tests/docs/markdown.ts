// Just enough Markdown to check documentation: code blocks, code spans, links and the anchors of headings.

const root = new URL("../../", import.meta.url);

/** A fenced block or an inline span of code. */
export interface Code {
  /** Line it starts on, from 1. */
  readonly line: number;
  /** First word after the fence; "" for none, "span" for inline code. */
  readonly language: string;
  /** What it holds. */
  readonly text: string;
}

/** A link or an image. */
export interface Link {
  /** Line it stands on, from 1. */
  readonly line: number;
  /** Where it leads. */
  readonly target: string;
}

/** Paths of all Markdown files of the repository, relative to its root, hidden folders left out. */
export async function markdownFiles(folder = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(folder, root))) {
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) found.push(...await markdownFiles(`${folder}${name}/`));
    else if (isFile && name.endsWith(".md")) found.push(folder + name);
  }
  return found.sort();
}

/** Text of a file of the repository. */
export async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, root));
}

/** Whether the repository has a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(new URL(path, root)).then(() => true, () => false);
}

/** Fenced blocks and inline spans of code, in order. */
export function codeOf(markdown: string): Code[] {
  const found: Code[] = [];
  let fence: { line: number; language: string; lines: string[] } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const mark = /^\s*```\s*(\S*)/.exec(text);
    if (mark === null) {
      if (fence !== undefined) fence.lines.push(text);
      else for (const [, span] of text.matchAll(/`([^`]+)`/g)) found.push({ line: index + 1, language: "span", text: span! });
    } else if (fence === undefined) fence = { line: index + 1, language: mark[1]!, lines: [] };
    else {
      found.push({ line: fence.line, language: fence.language, text: fence.lines.join("\n") });
      fence = undefined;
    }
  }
  return found;
}

/** Links and images outside code, in order. */
export function linksOf(markdown: string): Link[] {
  return proseLines(markdown).flatMap(({ line, text }) =>
    [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target]) => ({ line, target: target! }))
  );
}

/** Anchors of a file's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>(), seen = new Map<string, number>();
  for (const { text } of proseLines(markdown, true)) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(text)?.[1];
    if (heading === undefined) continue;
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/`/g, "").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replace(/\s/g, "-"), count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** Lines outside fenced blocks, with inline code blanked out unless it is kept. */
function proseLines(markdown: string, keepCode = false): { line: number; text: string }[] {
  let inside = false;
  return markdown.split("\n").flatMap((text, index) => {
    const fence = /^\s*```/.test(text);
    if (fence) inside = !inside;
    return fence || inside ? [] : [{ line: index + 1, text: keepCode ? text : text.replace(/`[^`]*`/g, "") }];
  });
}
