// How a version fares: against the champion, in its variants, class by class.

import { change, useCall } from "./api.js";
import { Scatter, pareto } from "./charts.js";
import { Empty, Fail, Mark, Num, Outcome, Panel, Seg, html, t, to, useQuery, useState } from "./ui.js";
import { count, ms, num, pct, signed, size, unit } from "./words.js";

/** Against the champion, check by check, with its limit. @param {any} props */
export function Gate({ name, version, comparisons, parity, evaluation, named }) {
  const [at, pick] = useQuery("against", "0");
  const [error, fail] = useState(/** @type {any} */ (null));
  const [busy, work] = useState(false);
  const found = comparisons[Number(at)] ?? comparisons[0];
  const settings = useCall("admin.settings", {}, { on: null }).value ?? [];
  const setting = (/** @type {string} */ key) => settings.find((/** @type {any} */ item) => item.key === key)?.value;
  const sets = useCall(found ? null : "data.ls", {}, { on: null }).value ?? [];
  const compare = async () => {
    work(true);
    fail(null);
    await change("models.compare", {
      candidate: `${name}@${version.number}${version.variant ? `-${version.variant}` : ""}`,
      champion: `${name}@champion`,
      data: evaluation?.dataset ?? `${sets[0].name}@main`,
    }).catch(fail);
    work(false);
  };
  const actions = html`
    ${
      comparisons.length > 1
        ? html`<${Seg}
      name=${t("gate.against")}
      options=${comparisons.slice(0, 3).map((/** @type {any} */ item, /** @type {number} */ i) => [String(i), item.champion ? named(item.champion) : t("outcome.first")])}
      value=${String(comparisons.indexOf(found))}
      pick=${(/** @type {string} */ key) => pick(key)}
    />`
        : null
    }
  `;
  if (!found) {
    return html`<${Panel} title=${t("gate.title")}>
      <${Empty}
        title=${t("gate.empty")}
        text=${t("gate.empty.text")}
        line=${`cauce models compare ${name}@${version.number} ${name}@champion --data ${evaluation?.dataset ?? sets[0]?.name ?? "DATA"}`}
      >
        ${
          evaluation || sets.length
            ? html`<button type="button" class="btn" disabled=${busy} onClick=${compare}>
          ${busy ? t("working") : t("gate.compare")}
        </button>`
            : null
        }
        ${error ? html`<${Fail} error=${error} again=${compare} />` : null}
      <//>
    <//>`;
  }
  const { candidate, champion } = found;
  const worse = found.classes
    .filter((/** @type {any} */ row) => row.worse)
    .map((/** @type {any} */ row) => row.label);
  const drop = setting("models.max_drop");
  const gain = setting("models.min_gain");
  /** @type {[import("./ui.js").Sign, any, any, any, any, any][]} */
  const rows = [
    [
      found.passed ? "ok" : "warn",
      t("gate.accuracy", { data: found.dataset, split: found.split }),
      champion ? num(champion.accuracy, 4) : "–",
      num(candidate.accuracy, 4),
      champion
        ? html`<span class=${found.difference > 0 ? "up" : found.difference < 0 ? "warn-t" : ""}>
          ${signed(found.difference, 4)}
        </span>`
        : "",
      champion && gain !== undefined ? t("gate.accuracy.limit", { gain: signed(gain), drop: num(-drop) }) : "",
    ],
  ];
  if (champion) {
    rows.push(
      [
        found.low > 0 ? "ok" : found.high < 0 ? "bad" : "off",
        t("gate.interval"),
        "",
        "",
        html`<span class="tn">${signed(found.low, 4)} … ${signed(found.high, 4)}</span>`,
        t("gate.interval.limit"),
      ],
      [
        found.gained > found.lost ? "ok" : "off",
        t("gate.rows"),
        t("gate.only", { n: found.lost }),
        t("gate.only", { n: found.gained }),
        `p ${num(found.p_value)}`,
        "",
      ],
      [
        worse.length ? "bad" : "ok",
        t("gate.classes"),
        "",
        worse.length ? worse.join(", ") : t("none"),
        "",
        t("gate.classes.limit"),
      ],
      [
        candidate.p95 <= champion.p95 ? "ok" : "off",
        t("gate.latency"),
        ms(champion.p95),
        ms(candidate.p95),
        relative(candidate.p95, champion.p95),
        t("gate.saving"),
      ],
      [
        candidate.size <= champion.size ? "ok" : "off",
        t("gate.size"),
        size(champion.size),
        size(candidate.size),
        relative(candidate.size, champion.size),
        t("gate.saving"),
      ],
    );
  }
  rows.push([
    parity.passed ? "ok" : "bad",
    t("gate.parity"),
    "",
    parity.passed ? t("yes") : t("no"),
    num(parity.recorded),
    `≤ ${num(parity.tolerance)}`,
  ]);
  return html`<${Panel}
    title=${t("gate.title")}
    note=${html`<${Outcome} of=${found.verdict} />`}
    actions=${html`<span class="small mute">${champion ? t("gate.beside", { model: named(champion) }) : ""}</span>${actions}`}
    foot=${html`
      <span class="pre">
        ${found.reasons
          .map((/** @type {string} */ line) => line[0].toUpperCase() + line.slice(1))
          .join(". ")
          .replace(/(^|[\s[])-(\d)/g, "$1\u2212$2")}
        . ${t("gate.n", { n: found.n })}
      </span>
      <a class="right nowrap" href=${to("runs", found.run)}>${t("gate.run")}</a>
    `}
  >
    <div class="scroll">
      <table aria-label=${t("gate.title")}>
        <thead>
          <tr>
            <th>${t("gate.check")}</th>
            <th class="num">${champion ? named(champion) : "–"}</th>
            <th class="num">${named(candidate)}</th>
            <th class="num">${t("col.change")}</th>
            <th class="num">${t("gate.limit")}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([sign, what, before, after, changed, limit]) => html`<tr>
            <td><${Mark} s=${sign}>${what}<//></td>
            <td class="num mute">${before}</td>
            <td class="num strong">${after}</td>
            <td class="num">${changed}</td>
            <td class="num mute">${limit}</td>
          </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}

/** @param {number} now @param {number} before */
const relative = (now, before) =>
  before
    ? html`<span class=${now < before * 0.995 ? "up" : now > before * 1.005 ? "warn-t" : "faint"}>
      ${now > before ? "+" : ""}
      ${pct(now / before - 1)}
    </span>`
    : "";

/** @param {{spec: string, variants: any[], data?: string}} props */
export function Variants({ spec, variants, data }) {
  const [view, show] = useQuery("variants", "chart");
  if (!variants.length)
    return html`<${Panel} title=${t("variants.title")}>
      <${Empty}
        title=${t("variants.empty")}
        text=${t("variants.empty.text")}
        line=${`cauce models optimise ${spec} --data ${data ?? "DATA"}`}
      />
    <//>`;
  const newest = variants[0];
  const tried = [newest.base, ...variants.flatMap((item) => item.tried)].filter((item) => !item.error && item.p50);
  const unique = [...new Map(tried.map((item) => [item.recipe, item])).values()];
  const ways = pareto(
    unique.map((item) => ({
      name: item.recipe === "float32" ? item.recipe : `${newest.precision} ${item.recipe}`,
      accuracy: item.accuracy,
      latency: item.p50,
      size: item.size,
      chosen: variants.some((other) => other.chosen.recipe === item.recipe),
    })),
  );
  const failed = newest.tried.filter((/** @type {any} */ item) => item.error);
  return html`<${Panel}
    title=${t("variants.title")}
    note=${t("variants.note")}
    actions=${html`<${Seg}
      name=${t("variants.title")}
      options=${[
        ["chart", t("view.chart")],
        ["table", t("view.table")],
      ]}
      value=${view}
      pick=${(/** @type {string} */ key) => show(key)}
    />`}
    foot=${html`<span>
      ${t("variants.foot", { rows: newest.rows, calibration: newest.calibration })}
      ${failed.length ? ` ${t("variants.failed", { names: failed.map((/** @type {any} */ item) => item.recipe).join(", ") })}` : ""}
    </span>`}
  >
    ${
      view === "chart"
        ? html`<div class="in" style="padding:8px 12px 6px">
      <${Scatter} label=${t("variants.label", { n: ways.length })} axis=${t("variants.axis")} ways=${ways} />
    </div>`
        : html`<div class="scroll">
      <table aria-label=${t("variants.title")}>
        <thead>
          <tr>
            <th>${t("variants.recipe")}</th>
            <th class="num">${t("col.accuracy")}</th>
            <th class="num">${t("variants.agreement")}</th>
            <th class="num">p50</th>
            <th class="num">p95</th>
            <th class="num">${t("variants.throughput")}</th>
            <th class="num">${t("col.size")}</th>
          </tr>
        </thead>
        <tbody>
          ${unique.map(
            (item) => html`<tr key=${item.recipe}>
            <td>
              ${item.recipe}
              ${
                variants.some((other) => other.chosen.recipe === item.recipe)
                  ? html` <span class="badge acc">${t("variants.chosen")}</span>
              `
                  : null
              }
            </td>
            <td class="num"><${Num} x=${item.accuracy} digits=${4} /></td>
            <td class="num">${pct(item.agreement, 2)}</td>
            <td class="num">${ms(item.p50)}</td>
            <td class="num">${ms(item.p95)}</td>
            <td class="num">${unit(Math.round(item.throughput), "/s")}</td>
            <td class="num">${size(item.size)}</td>
          </tr>`,
          )}
        </tbody>
      </table>
    </div>`
    }
  <//>`;
}

/** What was taken for what. @param {{evaluation: any}} props */
export function Confusion({ evaluation }) {
  if (!evaluation?.confusion?.length || evaluation.confusion.length > 20) return null;
  const labels = evaluation.classes.map((/** @type {any} */ row) => row.label);
  const wrong = Math.max(
    1,
    ...evaluation.confusion.flatMap((/** @type {number[]} */ row, /** @type {number} */ i) =>
      row.filter((_, j) => i !== j),
    ),
  );
  const tint = (/** @type {number} */ n, /** @type {boolean} */ right) =>
    n
      ? right
        ? "background:var(--ok-soft)"
        : `background:color-mix(in srgb, var(--c2) ${12 + (50 * n) / wrong}%, transparent)`
      : "";
  return html`<${Panel}
    title=${t("confusion.title")}
    note=${t("confusion.note", { data: evaluation.dataset, split: evaluation.split, n: evaluation.n })}
  >
    <div class="scroll">
      <table aria-label=${t("confusion.title")} class="tn">
        <thead>
          <tr>
            <th>${t("confusion.true")}</th>
            ${labels.map((/** @type {string} */ label) => html`<th class="num">${label}</th>`)}
            <th class="num">${t("confusion.recall")}</th>
          </tr>
        </thead>
        <tbody>
          ${evaluation.confusion.map(
            (/** @type {number[]} */ row, /** @type {number} */ i) => html`<tr key=${labels[i]}>
            <td class="strong">${labels[i]}</td>
            ${row.map((n, j) => html`<td class=${`num ${n ? "" : "faint"}`} style=${tint(n, i === j)}>${n ? count(n) : "·"}</td>`)}
            <td class="num"><${Num} x=${evaluation.classes[i].recall} digits=${3} /></td>
          </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}
