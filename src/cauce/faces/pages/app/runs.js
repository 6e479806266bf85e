// Runs: a filter, charts that share a crosshair, and a dense table that share their colours.

import { change, useCall } from "./api.js";
import { Plot, lessIsBetter, linesOf, paint } from "./plot.js";
import { Rows } from "./rows.js";
import {
  Empty,
  Fail,
  Ico,
  Loading,
  Seg,
  ask,
  copy,
  go,
  html,
  t,
  to,
  toast,
  useEffect,
  useKeys,
  useMemo,
  useQuery,
  useRef,
  useState,
  withQuery,
} from "./ui.js";
import { num } from "./words.js";

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
  return /\sor\s/i.test(text) && whole.some((part) => /\sor\s/i.test(part) && !part.startsWith("("))
    ? [text.trim()]
    : whole;
}

/** What was typed, as a filter: a bare word looks in names. @param {string} typed */
const asFilter = (typed) =>
  /[=<>~]/.test(typed)
    ? typed.trim()
    : `name ~ ${/\s/.test(typed.trim()) ? JSON.stringify(typed.trim()) : typed.trim()}`;

/** Names of metrics and parameters over rows, the most frequent first; parameters say whether they differ. @param {any[]} runs */
function facts(runs) {
  /** @type {Map<string, number>} */
  const metrics = new Map();
  /** @type {Map<string, Set<any>>} */
  const params = new Map();
  for (const run of runs) {
    for (const key of Object.keys(run.metrics)) metrics.set(key, (metrics.get(key) ?? 0) + 1);
    for (const [key, value] of Object.entries(run.params))
      params.set(key, (params.get(key) ?? new Set()).add(JSON.stringify(value)));
  }
  const rank = (/** @type {string} */ key) => (/acc|f1|map|auc|score/i.test(key) ? 0 : /val|test/i.test(key) ? 1 : 2);
  return {
    metrics: [...metrics]
      .sort(([a, n], [b, m]) => rank(a) - rank(b) || m - n || a.localeCompare(b))
      .map(([key]) => key),
    params: [...params]
      .map(([key, values]) => ({ key, differs: values.size > 1 }))
      .sort((a, b) => Number(b.differs) - Number(a.differs)),
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
  const drawn =
    drawing === "none"
      ? []
      : drawing
        ? drawing.split(",")
        : runs
            .filter((run) => Object.keys(run.metrics).length || run.status === "running")
            .slice(0, 6)
            .map((run) => run.id);
  const colors = paint(drawn);
  useEffect(() => grow(PAGE), [filter, sort, kind, status]);
  const pick = (/** @type {Set<string>} */ set) => select([...set].join(","), { replace: true });
  const eye = (/** @type {string} */ id) =>
    draw((drawn.includes(id) ? drawn.filter((other) => other !== id) : [...drawn, id]).join(",") || "none", {
      replace: true,
    });
  const empty = shown && !shown.total && !filter && !status && kind === "train";
  return html`
    <h1 class="vh">${t("nav.runs")}</h1>
    <${Views} kind=${kind} status=${status} filter=${filter} />
    <${Filter}
      filter=${filter}
      search=${search}
      page=${page}
      shown=${shown}
      fields=${[...metrics, ...params.map((item) => `params.${item.key}`)]}
    />
    ${
      page.error && page.value === undefined
        ? html`<${Fail} error=${page.error} again=${page.again} />`
        : !shown
          ? html`<div class="page"><${Loading} rows=${8} /></div>`
          : empty
            ? html`<div class="page">
      <div class="panel">
        <${Empty} title=${t("runs.empty")} text=${t("runs.empty.text")} line="cauce track run -- python train.py" />
      </div>
    </div>`
            : html`
      <${Charts}
        runs=${runs.filter((run) => drawn.includes(run.id))}
        colors=${colors}
        metrics=${metrics}
        drawn=${drawn}
        total=${shown.total}
      />
      ${
        runs.length
          ? html`<${Rows}
        runs=${runs}
        total=${shown.total}
        metrics=${metrics}
        params=${params}
        sort=${sort}
        order=${order}
        chosen=${chosen}
        pick=${pick}
        colors=${colors}
        eye=${eye}
        more=${() => runs.length < shown.total && grow(Math.min(limit + 200, 10000))}
      />`
          : html`<${Empty} title=${t("runs.nomatch")} text=${filter ? t("runs.nomatch.text", { filter }) : t("runs.noview")}>
        ${filter ? html`<button type="button" class="btn" onClick=${() => search("")}>${t("runs.nomatch.clear")}</button>` : null}
      <//>`
      }
      <${Bar} runs=${runs.filter((run) => chosen.has(run.id))} clear=${() => pick(new Set())} params=${params} />
    `
    }
  `;
}

const SAVED = "cauce-views";

/** Views that come with the page, then those saved in this browser. @param {{kind: string, status: string, filter: string}} props */
function Views({ kind, status, filter }) {
  const [saved, save] = useState(
    () => /** @type {[string, string][]} */ (JSON.parse(localStorage.getItem(SAVED) ?? "[]")),
  );
  const store = (/** @type {[string, string][]} */ list) => (
    localStorage.setItem(SAVED, JSON.stringify(list)),
    save(list)
  );
  const here = location.search.replace(/[?&]sel=[^&]*/, "");
  const mine = saved.find(([, query]) => query === here);
  const keep = () => {
    let name = filter || status || kind;
    ask({
      title: t("views.save"),
      body: html`
        <label class="field">
          <span>${t("col.name")}</span>
          <input class="input" value=${name} onInput=${(/** @type {any} */ event) => (name = event.target.value)} />
        </label>
        <p class="mute small">${t("views.save.note")}</p>
      `,
      verb: t("views.save"),
      run: async () => store([...saved.filter(([other]) => other !== name), [name, here]]),
    });
  };
  return html`<nav class="views" aria-label=${t("views")}>
    ${VIEWS.map(
      ([key, label, query]) => html`<a
      key=${key}
      href=${withQuery(to("runs"), query)}
      aria-current=${!mine && !filter && (query.kind ?? "train") === kind && (query.status ?? "") === status ? "page" : null}
    >
      ${t(label)}
    </a>`,
    )}
    ${saved.map(([name, query]) => html`<a key=${name} href=${to("runs") + query} aria-current=${mine?.[0] === name ? "page" : null}>${name}</a>`)}
    ${
      mine
        ? html`<button type="button" class="btn bare s" onClick=${() => store(saved.filter((view) => view !== mine))}>
      ${t("views.drop")}
    </button>`
        : here.length > 1
          ? html`<button type="button" class="btn bare s" onClick=${keep}><${Ico} n="plus" />${t("views.save")}</button>`
          : null
    }
    <button type="button" class="btn s right" onClick=${() => copy(location.href)}>
      <${Ico} n="link" />
      ${t("keys.link")}
    </button>
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
    ${parts.map(
      (part, at) => html`<span class="chip" key=${part}>
      <span class="mono">${part}</span>
      <button
        type="button"
        class="btn bare icon s x"
        style="height:20px;width:20px"
        aria-label=${t("runs.remove", { part })}
        onClick=${() => search(parts.filter((_, i) => i !== at).join(" and "))}
      >
        <${Ico} n="close" />
      </button>
    </span>`,
    )}
    <input
      class="free"
      data-filter
      list="fields"
      aria-label=${t("runs.filter")}
      placeholder=${t("runs.filter.hint")}
      autocomplete="off"
      spellcheck=${false}
      value=${typed}
      onInput=${(/** @type {any} */ event) => type(event.target.value)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (type(""), /** @type {HTMLElement} */ (event.target).blur())}
    />
    <datalist id="fields">
      ${["name", "status", "experiment", "agent", "started", "seconds", "data", ...fields].map((field) => html`<option value=${`${field} `} />`)}
    </datalist>
    <span class="faint small tn nowrap" role="status">
      ${page.error ? "" : shown ? t("runs.found", { n: shown.total }) : ""}
    </span>
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
  const found = useCall(
    ids.length && asked.length ? "track.series" : null,
    { runs: ids, keys: asked, points: 1200 },
    { on: /run\./, every: live ? 2 : 0 },
  );
  const kept = useRef(/** @type {any[]} */ ([]));
  if (found.value) kept.current = found.value;
  const curves = asked.filter((key) =>
    kept.current.some((item) =>
      item.series.some((/** @type {any} */ one) => one.key === key && one.steps.length > 1),
    ),
  );
  const keys = wanted || !curves.length ? asked.slice(0, wanted ? undefined : 3) : curves.slice(0, 3);
  const lines = useMemo(
    () => new Map(keys.map((key) => [key, linesOf(kept.current, runs, key, colors, axis === "time")])),
    [kept.current, ids.join(), keys.join(), axis, [...colors].join()],
  );
  useKeys(t("runs.keys.charts"), [
    { key: "s", label: t("runs.smooth"), run: () => soften(Number(weight) ? "0" : "0.6") },
    { key: "x", label: t("runs.axis"), run: () => turn(axis === "step" ? "time" : "step") },
  ]);
  if (!metrics.length) return null;
  const shown = large && keys.includes(large) ? [large] : keys;
  return html`
    <div class="charts">
      ${shown.map((key) => {
        const list = lines.get(key) ?? [];
        const all = list.flatMap((line) => line.ys.filter((y) => y !== null && Number.isFinite(y)));
        const best = all.length
          ? lessIsBetter(key)
            ? `min ${num(all.reduce((a, b) => Math.min(Number(a), Number(b)), Infinity))}`
            : `max ${num(all.reduce((a, b) => Math.max(Number(a), Number(b)), -Infinity))}`
          : "";
        const part = list.some((line) => line.total > line.xs.length);
        return html`<figure key=${key}>
        <figcaption>
          <h2 class="clip">${key}</h2>
          <span class="faint small nowrap">${best}${part ? ` · ${t("runs.thinned")}` : ""}</span>
          <button
            type="button"
            class="btn bare icon s"
            aria-label=${t(large ? "chart.smaller" : "chart.larger", { key })}
            onClick=${() => enlarge(large ? "" : key)}
          >
            <${Ico} n=${large ? "close" : "grow"} />
          </button>
        </figcaption>
        <${Plot}
          name=${key}
          lines=${list}
          weight=${Number(weight)}
          log=${Boolean(log)}
          height=${large ? 340 : 190}
          unit=${""}
        />
      </figure>`;
      })}
    </div>
    <div class="ctl">
      <label>
        ${t("runs.smooth")} <input
          class="slide"
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value=${weight}
          onInput=${(/** @type {any} */ event) => soften(String(event.target.value), { replace: true })}
        /> <span class="tn" style="width:28px">${num(Number(weight), 2)}</span>
      </label>
      <${Seg}
        name=${t("runs.axis")}
        options=${[
          ["step", t("axis.step")],
          ["time", t("axis.time")],
        ]}
        value=${axis}
        pick=${(/** @type {string} */ key) => turn(key)}
      />
      <label>
        <input type="checkbox" checked=${Boolean(log)} onChange=${() => scale(log ? "" : "1")} /> ${t("runs.log")}
      </label>
      <details class="menu">
        <summary class="btn bare s"><${Ico} n="plus" />${t("runs.charts")}</summary>
        <div class="tip">
          ${metrics.map(
            (key) => html`<label class="row" key=${key}>
            <input
              type="checkbox"
              checked=${keys.includes(key)}
              onChange=${() => want((keys.includes(key) ? keys.filter((other) => other !== key) : [...keys, key]).join(",") || "none")}
            /> ${key}
          </label>`,
          )}
        </div>
      </details>
      <span class="right faint">${t("runs.drawn", { shown: drawn.length, n: total })}</span>
    </div>
  `;
}

/** @param {{runs: any[], clear: () => void, params: any[]}} props */
function Bar({ runs, clear, params }) {
  const models = useCall("models.ls", {}, { on: /model/ }).value ?? [];
  const compare = () =>
    runs.length > 1 && go(withQuery(to("runs", "compare"), { ids: runs.map((run) => run.id).join(",") }));
  const enrol = async () => {
    if (runs.length === 1) (await import("./things.js")).register(runs[0], models[0]?.name);
  };
  const tag = () => {
    let text = "";
    if (!runs.length) return;
    ask({
      title: t("tag.title", { n: runs.length }),
      body: html`<label class="field">
        <span>${t("tag.text")}</span>
        <input
          class="input mono"
          placeholder="note=good"
          onInput=${(/** @type {any} */ event) => (text = event.target.value)}
        />
      </label>`,
      verb: t("tag"),
      run: async () => {
        const [key, ...rest] = text.split("=");
        for (const run of runs)
          await change("track.set", { run: run.id, tags: { [key.trim()]: rest.join("=").trim() || "yes" } });
        toast(t("tag.done", { n: runs.length }));
      },
    });
  };
  useKeys(t("runs.keys.selection"), [
    { key: "c", label: t("compare"), run: compare },
    { key: "r", label: t("register"), run: enrol },
    { key: "t", label: t("tag"), run: tag },
    { key: "Escape", label: t("clear"), run: clear },
  ]);
  const differ = params.filter((item) => item.differs).map((item) => item.key);
  if (!runs.length) return null;
  return html`<div class="sel">
    <span class="medium tn">${t("runs.selected", { n: runs.length })}</span>
    <button type="button" class="btn s" disabled=${runs.length < 2} onClick=${compare}>
      ${t("compare")} <kbd>C</kbd>
    </button>
    <button
      type="button"
      class="btn s"
      disabled=${runs.length !== 1}
      onClick=${enrol}
    >
      ${t("register")} <kbd>R</kbd>
    </button>
    <button type="button" class="btn s" onClick=${tag}>${t("tag")} <kbd>T</kbd></button>
    <button type="button" class="btn bare s" onClick=${clear}>${t("clear")} <kbd>Esc</kbd></button>
    ${differ.length ? html`<span class="right faint small clip">${t("runs.tinted", { names: differ.slice(0, 6).join(", ") })}</span>` : null}
  </div>`;
}
