// The course: seven stations with their most telling fact, and the ribbon that joins those that
// stand on the same version of the data.

import { Mark, html, t, to, useWidth } from "./ui.js";
import { ago, ms, num, pct, size } from "./words.js";

/** @typedef {{name: string, href: string, sign: import("./ui.js").Sign, on: number, hollow?: boolean, lines: any[]}} Station */

/** @param {string} outcome */
const word = (outcome) => t(/** @type {any} */ (`outcome.${outcome}`));

/** The number of a data set's version among refs: `v3` gives 3. @param {string[]} refs */
const numberIn = (refs) => Number((refs.find((ref) => /@v\d+$/.test(ref)) ?? "").split("@v")[1] ?? NaN);

/** The newest data version among things with refs, 0 for none. @param {any[]} things */
export function newestData(things) {
  const numbers = things.filter((thing) => thing.kind === "dataset").map((thing) => numberIn(thing.refs));
  return Math.max(0, ...numbers.filter((n) => n > 0));
}

/** The data version that a graph's training stood on, 0 when it names none. @param {any} graph */
function dataOf(graph) {
  const nodes = /** @type {any[]} */ (graph?.nodes ?? []);
  const edges = /** @type {any[]} */ (graph?.edges ?? []);
  const trains = new Set(nodes.filter((node) => node.kind === "train").map((node) => node.id));
  const used = new Set(
    edges.filter((edge) => edge.direction === "used" && trains.has(edge.run)).map((edge) => edge.version),
  );
  return newestData(nodes.filter((node) => used.has(node.id)));
}

/** What several stations need. @param {any} state */
function facts(state) {
  const { sets, queues, used, live, reports, detail } = state;
  const all = /** @type {any[]} */ (sets.value ?? []);
  const data = all.find((item) => used.some((/** @type {any} */ one) => one.name === item.name)) ?? all[0];
  const counts = /** @type {any[]} */ (queues.value ?? []).map((queue) => queue.counts);
  return {
    data,
    now: Number((data?.number ?? "").slice(1)) || 0,
    waiting: counts.reduce((sum, one) => sum + one.waiting + one.leased, 0),
    done: counts.reduce((sum, one) => sum + one.done, 0),
    report: reports[0],
    fresh: Boolean(reports[0] && reports[0].deployment === live?.live.id),
    comparison: detail?.comparisons.find((/** @type {any} */ item) => item.candidate.version === detail.version.id),
  };
}

/** @typedef {ReturnType<typeof facts>} Facts */

/** @param {any} _ @param {Facts} facts @returns {Station} */
function dataStation(_, { data, now }) {
  return {
    name: t("nav.data"),
    href: data ? to("data", data.name) : to("data"),
    sign: data ? "ok" : "off",
    on: now,
    lines: data ? [`${data.name} ${data.number}`, t("n.files", { n: data.files }), ago(data.created)] : [],
  };
}

/** @param {any} _ @param {Facts} facts @returns {Station} */
function labelStation(_, { waiting, done, now }) {
  const any = done + waiting > 0;
  const share = pct(done / Math.max(1, done + waiting), 0);
  const queue = waiting ? t("course.queue", { n: waiting }) : t("course.noqueue");
  return {
    name: t("nav.label"),
    href: to("label"),
    sign: waiting ? "warn" : done ? "ok" : "off",
    on: any ? now : 0,
    lines: any ? [t("course.labelled", { share }), queue, t("course.labels", { n: done })] : [],
  };
}

/** @param {any} state @returns {Station} */
function trainStation({ runs, trained, used }) {
  const listed = /** @type {any[]} */ (runs.value?.runs ?? []);
  const running = listed.filter((run) => run.status === "running").length;
  const measured = listed.flatMap((run) =>
    Object.entries(run.metrics).filter(([key]) => /test.*acc|acc.*test/i.test(key)),
  );
  const best = measured.length ? Math.max(...measured.map(([, x]) => Number(x))) : null;
  const total = runs.value?.total ?? 0;
  const head = running ? t("course.running", { n: running }) : (trained?.name ?? t("n.runs", { n: total }));
  return {
    name: t("course.train"),
    href: to("runs"),
    sign: running ? "run" : trained ? "ok" : "off",
    on: newestData(used),
    lines: total ? [head, best === null ? "" : t("course.best", { x: num(best, 3) }), t("n.runs", { n: total })] : [],
  };
}

/** @param {any} state @param {Facts} facts @returns {Station} */
function registryStation({ model, above }, { comparison }) {
  const champion = model && model.champion?.number === model.latest.number;
  const gate = comparison ? t("course.gate", { verdict: word(comparison.verdict) }) : t("course.nogate");
  const place = champion ? t("models.champion") : t("course.candidate");
  return {
    name: t("course.registry"),
    href: model ? to("models", model.name, model.latest.number) : to("models"),
    sign: !model ? "off" : champion ? "ok" : "warn",
    on: dataOf(above),
    lines: model ? [`${model.name} v${model.latest.number}`, place, gate] : [],
  };
}

/** @param {any} state @returns {Station} */
function optimiseStation({ model, detail, above }) {
  const variant = detail?.variants[0];
  return {
    name: t("course.optimise"),
    href: model ? to("models", model.name, model.latest.number) : to("models"),
    sign: variant ? "ok" : "off",
    hollow: !variant,
    on: dataOf(above),
    lines: variant
      ? [
          `${variant.precision} · ${variant.chosen.recipe}`,
          `${ms(variant.chosen.p50)} · ${size(variant.chosen.size)}`,
          t("course.variants", { n: variant.tried.length }),
        ]
      : ["–", model ? t("course.novariant") : ""],
  };
}

/** @param {any} state @returns {Station} */
function serveStation({ live, serving, under }) {
  const speed = serving?.latency ? ` · p95 ${ms(serving.latency.p95)}` : "";
  const answered = serving?.predictions ? t("head.answered", { n: serving.predictions }) : ago(live?.live.moved ?? 0);
  return {
    name: t("course.serve"),
    href: live ? to("serving", live.name) : to("serving"),
    sign: !live ? "off" : live.url ? "ok" : "warn",
    on: dataOf(under),
    lines: live
      ? [live.live.model.replace("@", " v"), live.name + speed, live.url ? answered : t("serving.off")]
      : [],
  };
}

/** @type {Record<string, import("./ui.js").Sign>} */
const VERDICTS = { drifted: "warn", steady: "ok", "too-few": "wait" };

/** @param {any} state @param {Facts} facts @returns {Station} */
function monitorStation({ live, under }, { report, fresh }) {
  const moved = report?.inputs.filter((/** @type {any} */ item) => item.drifted).length ?? 0;
  const lines = [];
  if (report && fresh) {
    lines.push(report.quality ? t("course.accuracy", { x: num(report.quality.accuracy, 3) }) : word(report.outcome));
    lines.push(moved ? t("course.drifting", { n: moved }) : t("course.steady", { n: report.inputs.length }));
  } else if (report) {
    lines.push(t("course.unchecked"), t("course.before", { outcome: word(report.outcome) }));
  }
  return {
    name: t("nav.monitor"),
    href: live ? to("monitor", live.name) : to("monitor"),
    sign: !report ? "off" : fresh ? VERDICTS[report.outcome] : "wait",
    hollow: !fresh,
    on: report ? dataOf(under) : 0,
    lines: report ? [...lines, ago(report.at)] : [],
  };
}

const STATIONS = [
  dataStation,
  labelStation,
  trainStation,
  registryStation,
  optimiseStation,
  serveStation,
  monitorStation,
];

/** @param {{state: any}} props */
export function Course({ state }) {
  const known = facts(state);
  const stations = STATIONS.map((station) => station(state, known));
  const flow = (state.flows.value ?? []).find((/** @type {any} */ item) => item.flow.on.length);
  return html`<section class="flow" aria-label=${t("course.label")}>
    <div>
      <ol>
        ${stations.map(
          ({ name, href, sign, lines: [first = "–", second = "", third = ""] }) => html`<li key=${name}>
          <a href=${href}>
            <span class="nm">${name} <${Mark} s=${sign} /></span>
            <b>${first}</b>
            <span>${second || "\u00a0"}</span>
            <span class="faint">${third || "\u00a0"}</span>
          </a>
        </li>`,
        )}
      </ol>
      <${Ribbon} stations=${stations} now=${known.now} flow=${flow} labels=${known.done} />
    </div>
  </section>`;
}

/** How far behind the newest data a station stands, in words. @param {number} version @param {number} now */
const behind = (version, now) =>
  version >= now ? t("ribbon.on", { v: version }) : t("ribbon.behind", { v: version, n: now - version });

/**
 * Stretches of stations that stand on the same data version.
 * @param {number[]} on Version of each station, 0 for none.
 */
export function spansOf(on) {
  /** @type {{from: number, to: number, v: number}[]} */
  const spans = [];
  on.forEach((v, i) => {
    const last = spans[spans.length - 1];
    if (last && last.v === v) last.to = i;
    else spans.push({ from: i, to: i, v });
  });
  return spans;
}

/** What flows back today, in words. @param {any} flow @param {number} labels */
function returns(flow, labels) {
  const on = flow?.flow.on[0].subject.replace(/^.*?\//, "");
  const parts = [
    flow ? t("ribbon.flow", { name: flow.flow.name, on }) : "",
    labels ? t("ribbon.labels", { n: labels }) : "",
  ];
  return parts.filter(Boolean).join(" · ");
}

const [REGISTRY, SERVE] = [3, 5];

/** The line below the stations. @param {{stations: Station[], now: number, flow: any, labels: number}} props */
function Ribbon({ stations, now, flow, labels }) {
  const [ref, width] = useWidth();
  const on = stations.map((station) => station.on);
  const spans = spansOf(on);
  const x = (/** @type {number} */ i) => (width * (i + 0.5)) / on.length;
  const color = (/** @type {number} */ v) => (!v ? "var(--line-2)" : v >= now ? "var(--accent)" : "var(--c2)");
  const text = returns(flow, labels);
  const half = Math.min(width / 2 - 60, 12 + text.length * 2.9);
  const label = spans
    .filter((span) => span.v)
    .map((span) => behind(span.v, now))
    .join("; ");
  const open = (/** @type {number} */ i) =>
    stations[i].hollow || (i === REGISTRY && on[SERVE] && on[SERVE] !== on[i]);
  const draw =
    () => html`<svg class="chart rib" role="img" aria-label=${label || t("course.label")} width=${width} height="66">
    ${spans.map((span) => html`<${Span} span=${span} x=${x} color=${color(span.v)} text=${span.to > span.from || span.v < now ? behind(span.v, now) : ""} />`)}
    ${spans.slice(1).map((span, i) => html`<${Gap} before=${spans[i]} after=${span} x=${x} />`)}
    <path
      d=${`M${x(on.length - 1)} 20h${width / on.length / 2 - 26}q14 0 14 14v6q0 14 -14 14H24q-14 0 -14 -14v-6q0 -14 14 -14H${x(0)}`}
      fill="none"
      stroke="var(--line-2)"
      stroke-width="1.5"
      stroke-dasharray="4 4"
    />
    ${
      text
        ? html`
      <rect x=${width / 2 - half} y="44" width=${2 * half} height="20" fill="var(--surface)" />
      <text x=${width / 2} y="58" text-anchor="middle">${text}</text>
    `
        : null
    }
    ${on.map(
      (v, i) => html`<circle
      cx=${x(i)}
      cy="20"
      r="5"
      fill=${v && !open(i) ? color(v) : "var(--surface)"}
      stroke=${color(v)}
      stroke-width="2.5"
    />`,
    )}
  </svg>`;
  return html`<div ref=${ref}>${width > 300 ? draw() : null}</div>`;
}

/** @param {{span: {from: number, to: number, v: number}, x: (i: number) => number, color: string, text: string}} props */
const Span = ({ span, x, color, text }) =>
  span.v
    ? html`
      ${
        span.to > span.from
          ? html`<path
        d=${`M${x(span.from)} 20H${x(span.to)}`}
        stroke=${color}
        stroke-width="3"
        fill="none"
        stroke-linecap="round"
      />`
          : null
      }
      <text
        x=${(x(span.from) + x(span.to)) / 2}
        y="9"
        text-anchor="middle"
        style=${`fill:${color};font-weight:500`}
      >${text}</text>
    `
    : null;

/** What lies between two stretches: dots where the gate is, dashes where nothing stands yet. @param {{before: any, after: any, x: (i: number) => number}} props */
function Gap({ before, after, x }) {
  const gate = before.v && after.v;
  const [from, until] = [x(after.from - 1), x(after.from)];
  return html`
    <path
      d=${`M${from + 6} 20H${until - 6}`}
      stroke=${gate ? "var(--accent)" : "var(--line-2)"}
      stroke-width=${gate ? 3 : 1.5}
      stroke-dasharray=${gate ? "1 6" : "4 4"}
      fill="none"
      stroke-linecap="round"
    />
    ${
      gate && after.from > REGISTRY
        ? html`<text x=${(from + until) / 2} y="9" text-anchor="middle" style="font-weight:500">
      ${t("ribbon.gate")}
    </text>`
        : null
    }
  `;
}
