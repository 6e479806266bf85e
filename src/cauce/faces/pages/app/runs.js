// Runs: a filter, charts that share a crosshair, and a dense table that share their colours.

import { change, useCall } from "./api.js";
import { Plot, lessIsBetter, linesOf, paint, pointed } from "./plot.js";
import { plain, register } from "./things.js";
import { Empty, Fail, Ico, Loading, Num, Seg, Spark, State, Th, When, ask, copy, go, html, t, to, toast, useEffect, useKeys, useMemo, useQuery, useRef, useState, withQuery } from "./ui.js";
import { clock, num, person, took } from "./words.js";

const ROW = 30;
const PAGE = 100;

/** The parts of a filter that are joined by "and", outside of parentheses and quotes. @param {string} text @returns {string[]} */
export function split(text) {
  const parts = [];
  let [depth, quote, start] = [0, "", 0];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quote) quote = letter === quote ? "" : quote;
    else if (letter === '"' || letter === "'") quote = letter;
    else if (letter === "(") depth += 1;
    else if (letter === ")") depth -= 1;
    else if (!depth && /^\sand\s/i.test(text.slice(at, at + 5))) {
      parts.push(text.slice(start, at).trim());
      start = at + 5;
      at += 4;
    }
  }
  const last = text.slice(start).trim();
  const whole = [...parts, last].filter(Boolean);
  return /\sor\s/i.test(text) && whole.some((part) => /\sor\s/i.test(part) && !part.startsWith("(")) ? [text.trim()] : whole;
}

/** What was typed, as a filter: a bare word looks in names. @param {string} typed */
const asFilter = (typed) => (/[=<>~]/.test(typed) ? typed.trim() : `name ~ ${/\s/.test(typed.trim()) ? JSON.stringify(typed.trim()) : typed.trim()}`);

/** Names of metrics and parameters over rows, the most frequent first; parameters say whether they differ. @param {any[]} runs */
function facts(runs) {
  /** @type {Map<string, number>} */
  const metrics = new Map();
  /** @type {Map<string, Set<any>>} */
  const params = new Map();
  for (const run of runs) {
    for (const key of Object.keys(run.metrics)) metrics.set(key, (metrics.get(key) ?? 0) + 1);
    for (const [key, value] of Object.entries(run.params)) params.set(key, (params.get(key) ?? new Set()).add(JSON.stringify(value)));
  }
  const rank = (/** @type {string} */ key) => (/acc|f1|map|auc|score/i.test(key) ? 0 : /val|test/i.test(key) ? 1 : 2);
  return {
    metrics: [...metrics].sort(([a, n], [b, m]) => rank(a) - rank(b) || m - n || a.localeCompare(b)).map(([key]) => key),
    params: [...params].map(([key, values]) => ({ key, differs: values.size > 1 })).sort((a, b) => Number(b.differs) - Number(a.differs)),
  };
}

/** @type {[string, import("./words.js").Key, Record<string, string>][]} */
const VIEWS = [
  ["train", "runs.view.train", {}],
  ["live", "runs.view.live", { status: "running" }],
  ["failed", "runs.view.failed", { status: "failed" }],
  ["all", "runs.view.all", { kind: "*" }],
];

export default function Runs() {
  const [filter, search] = useQuery("q");
  const [sort, order] = useQuery("sort", "-started");
  const [kind] = useQuery("kind", "train");
  const [status] = useQuery("status");
  const [limit, grow] = useState(PAGE);
  const args = { filter, sort, limit, kind: kind === "*" ? "" : kind, ...(status ? { status } : {}) };
  const page = useCall("track.ls", args, { on: /run\./ });
  const last = useRef(/** @type {any} */ (null));
  if (page.value) last.current = page.value;
  const shown = page.value ?? (page.error ? null : last.current);
  const runs = /** @type {any[]} */ (shown?.runs ?? []);
  const [selected, select] = useQuery("sel");
  const chosen = useMemo(() => new Set(selected.split(",").filter(Boolean)), [selected]);
  const { metrics, params } = useMemo(() => facts(runs.slice(0, 500)), [runs]);
  const [drawing, draw] = useQuery("draw");
  const drawn = drawing === "none" ? [] : drawing ? drawing.split(",") : runs.filter((run) => Object.keys(run.metrics).length || run.status === "running").slice(0, 6).map((run) => run.id);
  const colors = paint(drawn);
  useEffect(() => grow(PAGE), [filter, sort, kind, status]);
  const pick = (/** @type {Set<string>} */ set) => select([...set].join(","), { replace: true });
  const eye = (/** @type {string} */ id) => draw((drawn.includes(id) ? drawn.filter((other) => other !== id) : [...drawn, id]).join(",") || "none", { replace: true });
  const empty = shown && !shown.total && !filter && !status && kind === "train";
  return html`<h1 class="vh">${t("nav.runs")}</h1>
    <${Views} kind=${kind} status=${status} filter=${filter} />
    <${Filter} filter=${filter} search=${search} page=${page} shown=${shown} fields=${[...metrics, ...params.map((item) => `params.${item.key}`)]} />
    ${page.error && page.value === undefined ? html`<${Fail} error=${page.error} again=${page.again} />` : !shown ? html`<div class="page"><${Loading} rows=${8} /></div>` : empty ? html`<div class="page"><div class="panel"><${Empty} title=${t("runs.empty")} text=${t("runs.empty.text")} line="cauce track run -- python train.py" /></div></div>` : html`
      <${Charts} runs=${runs.filter((run) => drawn.includes(run.id))} colors=${colors} metrics=${metrics} drawn=${drawn} total=${shown.total} />
      ${runs.length ? html`<${Rows} runs=${runs} total=${shown.total} metrics=${metrics} params=${params} sort=${sort} order=${order} chosen=${chosen} pick=${pick} colors=${colors} eye=${eye} more=${() => runs.length < shown.total && grow(Math.min(limit + 200, 10000))} />` : html`<${Empty} title=${t("runs.nomatch")} text=${filter ? t("runs.nomatch.text", { filter }) : t("runs.noview")}>${filter ? html`<button type="button" class="btn" onClick=${() => search("")}>${t("runs.nomatch.clear")}</button>` : null}<//>`}
      <${Bar} runs=${runs.filter((run) => chosen.has(run.id))} clear=${() => pick(new Set())} params=${params} />`}`;
}

const SAVED = "cauce-views";

/** Views that come with the page, then those saved in this browser. @param {{kind: string, status: string, filter: string}} props */
function Views({ kind, status, filter }) {
  const [saved, save] = useState(() => /** @type {[string, string][]} */ (JSON.parse(localStorage.getItem(SAVED) ?? "[]")));
  const store = (/** @type {[string, string][]} */ list) => (localStorage.setItem(SAVED, JSON.stringify(list)), save(list));
  const here = location.search.replace(/[?&]sel=[^&]*/, "");
  const mine = saved.find(([, query]) => query === here);
  const keep = () => {
    let name = filter || status || kind;
    ask({ title: t("views.save"), body: html`<label class="field"><span>${t("col.name")}</span><input class="input" value=${name} onInput=${(/** @type {any} */ event) => (name = event.target.value)} /></label><p class="mute small">${t("views.save.note")}</p>`, verb: t("views.save"), run: async () => store([...saved.filter(([other]) => other !== name), [name, here]]) });
  };
  return html`<nav class="views" aria-label=${t("views")}>
    ${VIEWS.map(([key, label, query]) => html`<a key=${key} href=${withQuery(to("runs"), query)} aria-current=${!mine && !filter && (query.kind ?? "train") === kind && (query.status ?? "") === status ? "page" : null}>${t(label)}</a>`)}
    ${saved.map(([name, query]) => html`<a key=${name} href=${to("runs") + query} aria-current=${mine?.[0] === name ? "page" : null}>${name}</a>`)}
    ${mine ? html`<button type="button" class="btn bare s" onClick=${() => store(saved.filter((view) => view !== mine))}>${t("views.drop")}</button>` : here.length > 1 ? html`<button type="button" class="btn bare s" onClick=${keep}><${Ico} n="plus" />${t("views.save")}</button>` : null}
    <button type="button" class="btn s right" onClick=${() => copy(location.href)}><${Ico} n="link" />${t("keys.link")}</button>
  </nav>`;
}

/** @param {{filter: string, search: (text: string) => void, page: any, shown: any, fields: string[]}} props */
function Filter({ filter, search, page, shown, fields }) {
  const [typed, type] = useState("");
  const parts = split(filter);
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!typed.trim()) return;
    search([...parts, asFilter(typed)].join(" and "));
    type("");
  };
  return html`<form class="q" role="search" onSubmit=${add}>
    ${parts.map((part, at) => html`<span class="chip" key=${part}><span class="mono">${part}</span><button type="button" class="btn bare icon s x" style="height:20px;width:20px" aria-label=${t("runs.remove", { part })} onClick=${() => search(parts.filter((_, i) => i !== at).join(" and "))}><${Ico} n="close" /></button></span>`)}
    <input class="free" data-filter list="fields" aria-label=${t("runs.filter")} placeholder=${t("runs.filter.hint")} autocomplete="off" spellcheck=${false} value=${typed} onInput=${(/** @type {any} */ event) => type(event.target.value)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (type(""), /** @type {HTMLElement} */ (event.target).blur())} />
    <datalist id="fields">${["name", "status", "experiment", "agent", "started", "seconds", "data", ...fields].map((field) => html`<option value=${`${field} `} />`)}</datalist>
    <span class="faint small tn nowrap" role="status">${page.error ? "" : shown ? t("runs.found", { n: shown.total }) : ""}</span>
  </form>`;
}

/** @param {{runs: any[], colors: Map<string, string>, metrics: string[], drawn: string[], total: number}} props */
function Charts({ runs, colors, metrics, drawn, total }) {
  const [wanted, want] = useQuery("charts");
  const [weight, soften] = useQuery("smooth", "0");
  const [axis, turn] = useQuery("x", "step");
  const [log, scale] = useQuery("log");
  const [large, enlarge] = useQuery("large");
  const asked = wanted === "none" ? [] : wanted ? wanted.split(",") : metrics.slice(0, 6);
  const live = runs.some((run) => run.status === "running");
  const ids = runs.map((run) => run.id);
  const found = useCall(ids.length && asked.length ? "track.series" : null, { runs: ids, keys: asked, points: 1200 }, { on: /run\./, every: live ? 2 : 0 });
  const kept = useRef(/** @type {any[]} */ ([]));
  if (found.value) kept.current = found.value;
  const curves = asked.filter((key) => kept.current.some((item) => item.series.some((/** @type {any} */ one) => one.key === key && one.steps.length > 1)));
  const keys = wanted || !curves.length ? asked.slice(0, wanted ? undefined : 3) : curves.slice(0, 3);
  const lines = useMemo(() => new Map(keys.map((key) => [key, linesOf(kept.current, runs, key, colors, axis === "time")])), [kept.current, ids.join(), keys.join(), axis, [...colors].join()]);
  useKeys(t("runs.keys.charts"), [{ key: "s", label: t("runs.smooth"), run: () => soften(Number(weight) ? "0" : "0.6") }, { key: "x", label: t("runs.axis"), run: () => turn(axis === "step" ? "time" : "step") }]);
  if (!metrics.length) return null;
  const shown = large && keys.includes(large) ? [large] : keys;
  return html`<div class="charts">${shown.map((key) => {
      const list = lines.get(key) ?? [];
      const all = list.flatMap((line) => line.ys.filter((y) => y !== null && Number.isFinite(y)));
      const best = all.length ? (lessIsBetter(key) ? `min ${num(all.reduce((a, b) => Math.min(Number(a), Number(b)), Infinity))}` : `max ${num(all.reduce((a, b) => Math.max(Number(a), Number(b)), -Infinity))}`) : "";
      const part = list.some((line) => line.total > line.xs.length);
      return html`<figure key=${key}><figcaption><h2 class="clip">${key}</h2><span class="faint small nowrap">${best}${part ? ` · ${t("runs.thinned")}` : ""}</span><button type="button" class="btn bare icon s" aria-label=${t(large ? "chart.smaller" : "chart.larger", { key })} onClick=${() => enlarge(large ? "" : key)}><${Ico} n=${large ? "close" : "grow"} /></button></figcaption>
        <${Plot} name=${key} lines=${list} weight=${Number(weight)} log=${Boolean(log)} height=${large ? 340 : 190} unit=${""} /></figure>`;
    })}</div>
    <div class="ctl"><label>${t("runs.smooth")} <input class="slide" type="range" min="0" max="0.99" step="0.01" value=${weight} onInput=${(/** @type {any} */ event) => soften(String(event.target.value), { replace: true })} /> <span class="tn" style="width:28px">${num(Number(weight), 2)}</span></label>
      <${Seg} name=${t("runs.axis")} options=${[["step", t("axis.step")], ["time", t("axis.time")]]} value=${axis} pick=${(/** @type {string} */ key) => turn(key)} />
      <label><input type="checkbox" checked=${Boolean(log)} onChange=${() => scale(log ? "" : "1")} /> ${t("runs.log")}</label>
      <details class="menu"><summary class="btn bare s"><${Ico} n="plus" />${t("runs.charts")}</summary><div class="tip">${metrics.map((key) => html`<label class="row" key=${key}><input type="checkbox" checked=${keys.includes(key)} onChange=${() => want((keys.includes(key) ? keys.filter((other) => other !== key) : [...keys, key]).join(",") || "none")} /> ${key}</label>`)}</div></details>
      <span class="right faint">${t("runs.drawn", { shown: drawn.length, n: total })}</span></div>`;
}

/** Facts that a column can show beside metrics and parameters. */
const PLAIN = /** @type {[string, import("./words.js").Key][]} */ ([["experiment", "col.experiment"], ["kind", "col.kind"], ["outcome", "col.outcome"], ["seconds", "col.took"], ["started", "col.started"], ["by", "col.by"]]);

/** @param {any} props */
function Rows({ runs, total, metrics, params, sort, order, chosen, pick, colors, eye, more }) {
  const [listed, list] = useQuery("cols");
  const [at, move] = useState(-1);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [top, scroll] = useState(0);
  const [tall, size] = useState(600);
  useEffect(() => {
    const node = box.current;
    if (!node) return undefined;
    const watch = new ResizeObserver(() => size(node.clientHeight));
    watch.observe(node);
    return () => watch.disconnect();
  }, []);
  const differing = params.filter((/** @type {any} */ item) => item.differs);
  const normal = [...metrics.slice(0, 4).map((/** @type {string} */ key) => `m.${key}`), ...(differing.length ? differing.slice(0, 5) : params.slice(0, 2)).map((/** @type {any} */ item) => `p.${item.key}`), ...(runs.some((/** @type {any} */ run) => run.kind !== "train") ? ["kind", "outcome"] : []), "seconds", "started", "by"];
  const keys = listed ? listed.split(",") : normal;
  const main = sort.replace(/^-/, "");
  const columns = useMemo(() => keys.map((key) => columnOf(key, runs, params, main)), [keys.join(), runs, main]);
  const first = Math.max(0, Math.floor(top / ROW) - 8);
  const rows = runs.slice(first, first + Math.ceil(tall / ROW) + 20);
  const traceable = metrics.slice(0, 4);
  const traced = useCall(traceable.length && rows.length ? "track.series" : null, { runs: rows.slice(0, 60).map((/** @type {any} */ run) => run.id), keys: traceable, points: 30 }, { on: null });
  const held = useRef(new Map());
  for (const item of traced.value ?? []) held.current.set(item.run, new Map(item.series.map((/** @type {any} */ one) => [one.key, one.values])));
  const trend = traceable.find((/** @type {string} */ key) => [...held.current.values()].some((lines) => (lines.get(key)?.length ?? 0) > 1));
  const step = (/** @type {number} */ next, /** @type {boolean} */ extend) => {
    const place = Math.max(0, Math.min(runs.length - 1, next));
    if (extend) pick(new Set([...chosen, runs[place].id, ...(at >= 0 ? [runs[at].id] : [])]));
    move(place);
    const node = box.current;
    if (node && place * ROW < node.scrollTop) node.scrollTop = place * ROW;
    if (node && (place + 3) * ROW > node.scrollTop + node.clientHeight) node.scrollTop = (place + 3) * ROW - node.clientHeight;
    pointed.value = runs[place].id;
  };
  const toggle = (/** @type {string} */ id) => {
    const set = new Set(chosen);
    if (!set.delete(id)) set.add(id);
    pick(set);
  };
  useKeys(
    t("runs.keys"),
    [
      { key: "j", label: t("keys.next"), shown: "j ↓", run: () => step(at + 1, false) },
      { key: "k", label: t("keys.previous"), shown: "k ↑", run: () => step(at - 1, false) },
      { key: "ArrowDown", label: t("keys.extend"), shown: "Shift ↓", run: (event) => step(at + 1, event.shiftKey) },
      { key: "ArrowUp", label: t("keys.extend"), shown: "Shift ↑", run: (event) => step(at - 1, event.shiftKey) },
      { key: " ", label: t("keys.select"), run: () => at >= 0 && toggle(runs[at].id) },
      { key: "Enter", label: t("keys.open"), run: () => at >= 0 && go(to("runs", runs[at].id)) },
      { key: "e", label: t("keys.draw"), run: () => at >= 0 && eye(runs[at].id) },
    ],
  );
  const all = runs.length > 0 && runs.every((/** @type {any} */ run) => chosen.has(run.id));
  return html`<div class="tw" ref=${box} tabindex="0" role="region" aria-label=${t("nav.runs")} onScroll=${(/** @type {any} */ event) => (scroll(event.target.scrollTop), event.target.scrollTop + event.target.clientHeight > event.target.scrollHeight - 400 && more())}>
    <table aria-rowcount=${total + 1}><thead><tr><th class="ck"><input type="checkbox" aria-label=${t("runs.selectall")} checked=${all} onChange=${() => pick(new Set(all ? [] : runs.map((/** @type {any} */ run) => run.id)))} /></th>
      <${Th} column=${{ key: "name", label: t("col.run"), by: () => 0 }} sort=${sort} set=${order} class="stick" /><${Th} column=${{ key: "status", label: t("col.state"), by: () => 0 }} sort=${sort} set=${order} />
      ${columns.map((column) => html`<${Th} key=${column.key} column=${column} sort=${sort} set=${order} class=${column.hl ? "hl" : ""} />${column.key === trend ? html`<th>${t("col.trend")}</th>` : null}`)}
      <th class="num"><${Columns} keys=${keys} metrics=${metrics} params=${params} list=${list} /></th></tr></thead>
      <tbody onMouseLeave=${() => (pointed.value = "")}>
        ${first ? html`<tr aria-hidden="true"><td colspan="99" style=${`height:${first * ROW}px;padding:0;border:0`}></td></tr>` : null}
        ${rows.map((/** @type {any} */ run, /** @type {number} */ i) => html`<tr key=${run.id} aria-rowindex=${first + i + 2} aria-selected=${chosen.has(run.id) ? "true" : null} class=${`open ${first + i === at ? "at" : ""}`} onMouseEnter=${() => (pointed.value = run.id)} onClick=${(/** @type {MouseEvent} */ event) => !(/** @type {Element} */ (event.target).closest("a, button, input")) && go(to("runs", run.id))}>
          <td class="ck"><input type="checkbox" aria-label=${t("runs.select", { name: run.name })} checked=${chosen.has(run.id)} onChange=${() => toggle(run.id)} /><button type="button" class="btn bare icon" style="width:24px;height:24px;display:inline-flex;vertical-align:middle" aria-pressed=${String(colors.has(run.id))} aria-label=${t("runs.draw", { name: run.name })} onClick=${() => eye(run.id)}><span class=${`sw ${colors.has(run.id) ? "" : "off"}`} style=${colors.has(run.id) ? `background:${colors.get(run.id)}` : ""}></span></button></td>
          <td class="stick"><a href=${to("runs", run.id)}>${run.name || run.id}</a></td><td><${State} of=${run.status} /></td>
          ${columns.map((column) => html`<td key=${column.key} class=${column.num ? "num" : ""}>${column.cell(run)}</td>${column.key === trend ? html`<td><${Spark} values=${held.current.get(run.id)?.get(trend) ?? []} /></td>` : null}`)}<td></td></tr>`)}
        ${runs.length > first + rows.length ? html`<tr aria-hidden="true"><td colspan="99" style=${`height:${(runs.length - first - rows.length) * ROW}px;padding:0;border:0`}></td></tr>` : null}
      </tbody></table></div>`;
}

/** @param {string} key @param {any[]} runs @param {any[]} params @param {string} main What the table is sorted by. @returns {import("./ui.js").Column & {hl?: boolean}} */
function columnOf(key, runs, params, main) {
  const by = () => 0;
  if (key.startsWith("m.")) {
    const name = key.slice(2);
    const values = runs.map((run) => run.metrics[name]).filter((x) => Number.isFinite(x));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const digits = low > 0.001 && high < 10 ? 4 : undefined;
    const share = (/** @type {number} */ x) => (high === low ? 1 : 0.15 + (0.85 * (x - low)) / (high - low));
    return { key: name, label: name, num: true, by, cell: (run) => html`${name === main && Number.isFinite(run.metrics[name]) ? html`<span class="db"><i style=${`width:${Math.round(60 * share(run.metrics[name]))}px`}></i></span>` : null}<span class=${name === main && run.metrics[name] === (lessIsBetter(name) ? low : high) ? "strong" : ""}><${Num} x=${run.metrics[name]} digits=${digits} /></span>` };
  }
  if (key.startsWith("p.")) {
    const name = key.slice(2);
    const number = runs.every((run) => run.params[name] === undefined || typeof run.params[name] === "number");
    return { key: `params.${name}`, label: name, num: number, by, hl: params.find((item) => item.key === name)?.differs, cell: (run) => plain(run.params[name]) };
  }
  return {
    experiment: { key: "experiment", label: t("col.experiment"), by, cell: (/** @type {any} */ run) => run.group },
    kind: { key: "kind", label: t("col.kind"), by, cell: (/** @type {any} */ run) => t(/** @type {any} */ (`kind.${run.kind}`)) },
    outcome: { key: "outcome", label: t("col.outcome"), by, cell: (/** @type {any} */ run) => run.outcome && t(/** @type {any} */ (`outcome.${run.outcome}`)) },
    seconds: { key: "seconds", label: t("col.took"), num: true, by, cell: (/** @type {any} */ run) => took((run.ended ?? Date.now() / 1000) - run.started) },
    started: { key: "started", label: t("col.started"), num: true, by, cell: (/** @type {any} */ run) => html`<span class="faint" title=${clock(run.started, true)}><${When} at=${run.started} /></span>` },
    by: { key: "agent", label: t("col.by"), by, cell: (/** @type {any} */ run) => html`<span class="mute">${person(run.agent)}</span>` },
  }[key] ?? { key, label: key, cell: () => "" };
}

/** @param {any} props */
function Columns({ keys, metrics, params, list }) {
  const toggle = (/** @type {string} */ key) => list((keys.includes(key) ? keys.filter((/** @type {string} */ other) => other !== key) : [...keys, key]).join(","));
  const item = (/** @type {string} */ key, /** @type {any} */ label) => html`<label class="row" key=${key}><input type="checkbox" checked=${keys.includes(key)} onChange=${() => toggle(key)} /> ${label}</label>`;
  return html`<details class="menu left"><summary class="btn bare s" aria-label=${t("runs.columns")} title=${t("runs.columns")}><${Ico} n="columns" /></summary><div class="tip"><span class="faint">${t("runs.metrics")}</span>${metrics.map((/** @type {string} */ key) => item(`m.${key}`, key))}<span class="faint">${t("run.params")}</span>${params.map((/** @type {any} */ one) => item(`p.${one.key}`, one.key))}<span class="faint">${t("runs.facts")}</span>${PLAIN.map(([key, label]) => item(key, t(label)))}</div></details>`;
}

/** @param {{runs: any[], clear: () => void, params: any[]}} props */
function Bar({ runs, clear, params }) {
  const models = useCall("models.ls", {}, { on: /model/ }).value ?? [];
  const compare = () => runs.length > 1 && go(withQuery(to("runs", "compare"), { ids: runs.map((run) => run.id).join(",") }));
  const tag = () => {
    let text = "";
    if (!runs.length) return;
    ask({ title: t("tag.title", { n: runs.length }), body: html`<label class="field"><span>${t("tag.text")}</span><input class="input mono" placeholder="note=good" onInput=${(/** @type {any} */ event) => (text = event.target.value)} /></label>`, verb: t("tag"), run: async () => {
      const [key, ...rest] = text.split("=");
      for (const run of runs) await change("track.set", { run: run.id, tags: { [key.trim()]: rest.join("=").trim() || "yes" } });
      toast(t("tag.done", { n: runs.length }));
    } });
  };
  useKeys(t("runs.keys.selection"), [{ key: "c", label: t("compare"), run: compare }, { key: "r", label: t("register"), run: () => runs.length === 1 && register(runs[0], models[0]?.name) }, { key: "t", label: t("tag"), run: tag }, { key: "Escape", label: t("clear"), run: clear }]);
  const differ = params.filter((item) => item.differs).map((item) => item.key);
  if (!runs.length) return null;
  return html`<div class="sel"><span class="medium tn">${t("runs.selected", { n: runs.length })}</span>
    <button type="button" class="btn s" disabled=${runs.length < 2} onClick=${compare}>${t("compare")} <kbd>C</kbd></button>
    <button type="button" class="btn s" disabled=${runs.length !== 1} onClick=${() => register(runs[0], models[0]?.name)}>${t("register")} <kbd>R</kbd></button>
    <button type="button" class="btn s" onClick=${tag}>${t("tag")} <kbd>T</kbd></button><button type="button" class="btn bare s" onClick=${clear}>${t("clear")} <kbd>Esc</kbd></button>
    ${differ.length ? html`<span class="right faint small clip">${t("runs.tinted", { names: differ.slice(0, 6).join(", ") })}</span>` : null}</div>`;
}
