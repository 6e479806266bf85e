// The things of a project: what they are called, where their page is, how they hang together.

import { change } from "./api.js";
import { ICONS, ask, go, html, t, to, toast, useLayoutEffect, useState, useWidth, withQuery } from "./ui.js";
import { ago, person, short } from "./words.js";

/** @typedef {{id: string, type: string, kind: string, name: string, at: number, agent: string, outcome: string, refs: string[], depth: number}} Node */

/** @type {Record<string, import("./ui.js").IconName>} */
const KIND_ICONS = {
  dataset: "data",
  annotations: "label",
  labelling: "label",
  merge: "swap",
  add: "plus",
  train: "runs",
  artifact: "file",
  export: "swap",
  optimise: "bolt",
  model: "models",
  evaluation: "check",
  compare: "swap",
  deploy: "serving",
  deployment: "serving",
  prediction: "monitor",
  drift: "monitor",
  profile: "monitor",
  report: "file",
  register: "models",
};

/** @param {Node} node */
export const iconOf = (node) => KIND_ICONS[node.kind] ?? (node.type === "run" ? "runs" : "file");

/** The readable name of a node: the ref that names it best, else what it was stored as. @param {Node} node */
export function nameOf(node) {
  const numbered = (node.refs ?? []).find((ref) => /@v?\d/.test(ref)) ?? node.refs?.[0];
  if (numbered)
    return numbered.replace(/^.*\//, "").replace("@", node.kind === "model" && /@\d/.test(numbered) ? " v" : " ");
  if (node.type === "prediction") return t("lineage.prediction", { id: node.id.slice(-6) });
  return node.name || short(node.id);
}

/** The kind of a node in words. @param {Node} node */
export const kindOf = (node) => t(/** @type {any} */ (`kind.${node.kind}`));

/** The page of a node, or its lineage where it has none. @param {Node} node */
export function pageOf(node) {
  const ref = (node.refs ?? []).find((item) => /@v?\d/.test(item)) ?? node.refs?.[0] ?? "";
  const [name, tag] = ref.replace(/^.*\//, "").split("@");
  if (node.type === "run") return to("runs", node.id);
  if (name && node.kind === "dataset") return withQuery(to("data", name), { v: tag });
  if (name && node.kind === "model") return to("models", name, tag.replace(/-.*/, ""));
  if (name && node.kind === "deployment") return to("serving", name);
  return withQuery(to("lineage"), { of: node.type === "prediction" ? `prediction:${node.id}` : node.id });
}

/** The name of a version: its number, and what was made of it. @param {any} version */
export const versionName = (version) =>
  t("v", { v: version.number }) + (version.variant ? ` ${version.variant}` : "");

/** @param {{tags: string[]}} props */
export const Aliases = ({ tags }) =>
  html`
    ${tags.map((tag) => html`<span key=${tag} class=${`badge ${tag === "champion" ? "acc" : ""}`} style="margin-right:4px">${tag}</span>`)}
  `;

/** Ask for a name, then turn a run's model into a registered version. @param {any} run @param {string} [known] */
export function register(run, known = "") {
  let name = known;
  ask({
    title: t("register.title", { name: run.name }),
    body: html`
      <p>${t("register.text")}</p>
      <label class="field">
        <span>${t("register.name")}</span>
        <input class="input" value=${name} onInput=${(/** @type {any} */ event) => (name = event.target.value)} />
      </label>
      <p class="mute small">${t("register.note")}</p>
    `,
    verb: t("register"),
    run: async () => {
      const version = await change("models.register", { run: run.id, name });
      toast(t("register.done", { name, v: version.number }));
      go(to("models", name, version.number));
    },
  });
}

/** @typedef {{run: string, direction: "used" | "generated", version: string, role: string}} Edge */
/** @typedef {{start: string, nodes: Node[], edges: Edge[], truncated: boolean}} Graph */

/** Steps that only lead from one thing to the next. */
const STEPS = new Set([
  "add",
  "export",
  "artifact",
  "register",
  "deploy",
  "evaluation",
  "compare",
  "report",
  "optimise",
  "merge",
  "drift",
  "reference",
  "profile",
  "sample",
  "pipeline",
]);

/**
 * Leave out the steps between things; what they joined is joined directly.
 * @param {Graph} graph
 * @param {string} [here] A node to keep, whatever it is.
 * @returns {Graph}
 */
export function simplify(graph, here = graph.start) {
  const keep = new Set(
    graph.nodes
      .filter((node) => node.id === here || node.id === graph.start || !STEPS.has(node.kind))
      .map((node) => node.id),
  );
  /** @type {Map<string, string[]>} */
  const after = new Map();
  for (const edge of graph.edges) {
    const [from, target] = edge.direction === "used" ? [edge.version, edge.run] : [edge.run, edge.version];
    after.set(from, [...(after.get(from) ?? []), target]);
  }
  /** @type {Edge[]} */
  const edges = [];
  for (const id of keep) {
    const seen = new Set();
    const queue = [...(after.get(id) ?? [])];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      if (keep.has(next)) edges.push({ run: id, direction: "generated", version: next, role: "" });
      else queue.push(...(after.get(next) ?? []));
    }
  }
  return { ...graph, nodes: graph.nodes.filter((node) => keep.has(node.id)), edges };
}

/**
 * Lay a graph out: a column by the longest way from a source, a row by the mean of the neighbours.
 * @param {Graph} graph
 * @returns {{places: Map<string, {column: number, row: number}>, columns: number, rows: number, links: [string, string, string][]}}
 */
function layout(graph) {
  const links = graph.edges.map(
    (edge) =>
      /** @type {[string, string, string]} */ (
        edge.direction === "used" ? [edge.version, edge.run, edge.role] : [edge.run, edge.version, edge.role]
      ),
  );
  /** @type {Map<string, string[]>} */
  const before = new Map(graph.nodes.map((node) => [node.id, []]));
  for (const [from, target] of links) before.get(target)?.push(from);
  /** @type {Map<string, number>} */
  const column = new Map();
  const busy = new Set();
  /** @type {(id: string) => number} */
  const depth = (id) => {
    const known = column.get(id);
    if (known !== undefined) return known;
    if (busy.has(id)) return 0;
    busy.add(id);
    const found = Math.max(-1, ...(before.get(id) ?? []).map(depth)) + 1;
    column.set(id, found);
    return found;
  };
  for (const node of graph.nodes) depth(node.id);
  /** @type {Node[][]} */
  const columns = [];
  for (const node of graph.nodes) (columns[column.get(node.id) ?? 0] ??= []).push(node);
  /** @type {Map<string, number>} */
  const row = new Map();
  /** @type {Map<string, string[]>} */
  const near = new Map(graph.nodes.map((node) => [node.id, []]));
  for (const [from, target] of links) {
    near.get(from)?.push(target);
    near.get(target)?.push(from);
  }
  const most = Math.max(1, ...columns.map((list) => list?.length ?? 0));
  columns.forEach((list) => list.forEach((node, at) => row.set(node.id, at + (most - list.length) / 2)));
  for (let pass = 0; pass < 6; pass += 1) {
    for (const list of pass % 2 ? [...columns].reverse() : columns) {
      const mean = new Map(
        list.map((node) => [
          node.id,
          ((ids) =>
            ids.length ? ids.reduce((sum, id) => sum + (row.get(id) ?? 0), 0) / ids.length : (row.get(node.id) ?? 0))(
            near.get(node.id) ?? [],
          ),
        ]),
      );
      list.sort((one, two) => (mean.get(one.id) ?? 0) - (mean.get(two.id) ?? 0) || one.at - two.at);
      list.forEach((node, at) => row.set(node.id, at + (most - list.length) / 2));
    }
  }
  return {
    places: new Map(
      graph.nodes.map((node) => [node.id, { column: column.get(node.id) ?? 0, row: row.get(node.id) ?? 0 }]),
    ),
    columns: columns.length,
    rows: most,
    links,
  };
}

/** @param {{graph: Graph, label: string, here?: string}} props here: Node that the page is about. */
export function Dag({ graph, label, here = graph.start }) {
  const [hot, warm] = useState("");
  const [ref, width] = useWidth();
  const { places, columns, rows, links } = layout(graph);
  const step = Math.max(208, Math.min(250, (width - 8) / Math.max(1, columns)));
  const [wide, tall, gap] = [step - 44, 46, 62];
  useLayoutEffect(() => {
    const place = places.get(here);
    if (ref.current && place) ref.current.scrollLeft = place.column * step + step / 2 - ref.current.clientWidth / 2;
  }, [here, width, columns]);
  const near = hot ? reach(hot, links) : new Set();
  const at = (/** @type {string} */ id) => {
    const place = places.get(id) ?? { column: 0, row: 0 };
    return [4 + place.column * step, 6 + place.row * gap];
  };
  return html`<div class="graph" ref=${ref}>
    <svg
      class="chart"
      role="group"
      aria-label=${label}
      width=${Math.max(width, columns * step)}
      height=${rows * gap + 8}
    >
      ${links
        .filter(([from, target]) => places.has(from) && places.has(target))
        .map(([from, target]) => {
          const [[x1, y1], [x2, y2]] = [at(from), at(target)];
          const [a, b, mid] = [x1 + wide, x2, (x1 + wide + x2) / 2];
          return html`<path
        class=${`edge ${near.has(from) && near.has(target) ? "hot" : ""}`}
        d=${`M${a},${y1 + tall / 2}C${mid},${y1 + tall / 2} ${mid},${y2 + tall / 2} ${b},${y2 + tall / 2}`}
      />`;
        })}
      ${graph.nodes.map((node) => {
        const [x, y] = at(node.id);
        const room = Math.floor((wide - 46) / 6.6);
        const [name, under] = [
          nameOf(node),
          [kindOf(node), node.agent ? person(node.agent) : ago(node.at)].join(" · "),
        ];
        return html`<a
        key=${node.id}
        href=${pageOf(node)}
        class=${node.id === here ? "this" : ""}
        onMouseEnter=${() => warm(node.id)}
        onMouseLeave=${() => warm("")}
        onFocus=${() => warm(node.id)}
        onBlur=${() => warm("")}
      >
        <title>${`${name} · ${under}`}</title>
        <rect x=${x + 0.75} y=${y + 0.75} width=${wide - 1.5} height=${tall - 1.5} rx="7" />
        <path class="gi" d=${ICONS[iconOf(node)]} transform=${`translate(${x + 11},${y + 15})`} />
        <text class="nm" x=${x + 37} y=${y + 20}>${cut(name, room)}</text>
        <text x=${x + 37} y=${y + 35}>${cut(under, Math.floor((wide - 44) / 5.7))}</text>
      </a>`;
      })}
    </svg>
  </div>`;
}

/** @param {string} text @param {number} room */
const cut = (text, room) => (text.length > room ? text.slice(0, Math.max(1, room - 1)) + "…" : text);

/** Everything before and after a node. @param {string} start @param {[string, string, string][]} links */
function reach(start, links) {
  const found = new Set([start]);
  for (const [from, target] of [
    [0, 1],
    [1, 0],
  ]) {
    const queue = [start];
    const seen = new Set(queue);
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      for (const link of links) {
        if (link[from] === id && !seen.has(link[target])) {
          seen.add(link[target]);
          found.add(link[target]);
          queue.push(link[target]);
        }
      }
    }
  }
  return found;
}

/** The same as a list of sentences, for those who read rather than look. @param {{graph: Graph}} props */
export function GraphTable({ graph }) {
  const names = new Map(graph.nodes.map((node) => [node.id, node]));
  const title = (/** @type {string} */ id) =>
    names.has(id) ? nameOf(/** @type {Node} */ (names.get(id))) : short(id);
  return html`<div class="scroll">
    <table aria-label=${t("lineage.table")}>
      <thead>
        <tr>
          <th>${t("col.what")}</th>
          <th>${t("col.kind")}</th>
          <th>${t("lineage.from")}</th>
          <th>${t("col.by")}</th>
          <th class="num">${t("col.when")}</th>
        </tr>
      </thead>
      <tbody>
        ${[...graph.nodes]
          .sort((one, two) => two.at - one.at)
          .map((node) => {
            const from = graph.edges.filter((edge) =>
              node.type === "run"
                ? edge.run === node.id && edge.direction === "used"
                : edge.version === node.id && edge.direction === "generated",
            );
            return html`<tr key=${node.id}>
          <td><a href=${pageOf(node)}>${nameOf(node)}</a></td>
          <td class="mute">${kindOf(node)}</td>
          <td class="wide">
            ${from.map((edge) => title(node.type === "run" ? edge.version : edge.run)).join(", ") || "–"}
          </td>
          <td>${node.agent ? person(node.agent) : "–"}</td>
          <td class="num faint">${ago(node.at)}</td>
        </tr>`;
          })}
      </tbody>
    </table>
  </div>`;
}
