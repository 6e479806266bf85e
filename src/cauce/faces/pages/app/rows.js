// The table of runs: only the rows in view are drawn, each over the one that stood in its place.

import { useCall } from "./api.js";
import { lessIsBetter, pointed } from "./plot.js";
import {
  Ico,
  Num,
  Spark,
  State,
  Th,
  When,
  go,
  html,
  plain,
  t,
  to,
  useEffect,
  useKeys,
  useMemo,
  useQuery,
  useRef,
  useState,
} from "./ui.js";
import { clock, person, took } from "./words.js";

const ROW = 30;

/** Facts that a column can show beside metrics and parameters. */
const PLAIN = /** @type {[string, import("./words.js").Key][]} */ ([
  ["experiment", "col.experiment"],
  ["kind", "col.kind"],
  ["outcome", "col.outcome"],
  ["seconds", "col.took"],
  ["started", "col.started"],
  ["by", "col.by"],
]);

/** @param {any} props */
export function Rows({ runs, total, metrics, params, sort, order, chosen, pick, colors, eye, more }) {
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
  const normal = [
    ...metrics.slice(0, 4).map((/** @type {string} */ key) => `m.${key}`),
    ...(differing.length ? differing.slice(0, 5) : params.slice(0, 2)).map(
      (/** @type {any} */ item) => `p.${item.key}`,
    ),
    ...(runs.some((/** @type {any} */ run) => run.kind !== "train") ? ["kind", "outcome"] : []),
    "seconds",
    "started",
    "by",
  ];
  const keys = listed ? listed.split(",") : normal;
  const main = sort.replace(/^-/, "");
  const columns = useMemo(() => keys.map((key) => columnOf(key, runs, params, main)), [keys.join(), runs, main]);
  const first = Math.max(0, Math.floor(top / ROW) - 8);
  const rows = runs.slice(first, first + Math.ceil(tall / ROW) + 20);
  const traceable = metrics.slice(0, 4);
  const traced = useCall(
    traceable.length && rows.length ? "track.series" : null,
    { runs: rows.slice(0, 60).map((/** @type {any} */ run) => run.id), keys: traceable, points: 30 },
    { on: null },
  );
  const held = useRef(new Map());
  for (const item of traced.value ?? [])
    held.current.set(item.run, new Map(item.series.map((/** @type {any} */ one) => [one.key, one.values])));
  const trend = traceable.find((/** @type {string} */ key) =>
    [...held.current.values()].some((lines) => (lines.get(key)?.length ?? 0) > 1),
  );
  const step = (/** @type {number} */ next, /** @type {boolean} */ extend) => {
    const place = Math.max(0, Math.min(runs.length - 1, next));
    if (extend) pick(new Set([...chosen, runs[place].id, ...(at >= 0 ? [runs[at].id] : [])]));
    move(place);
    const node = box.current;
    if (node && place * ROW < node.scrollTop) node.scrollTop = place * ROW;
    if (node && (place + 3) * ROW > node.scrollTop + node.clientHeight)
      node.scrollTop = (place + 3) * ROW - node.clientHeight;
    pointed.value = runs[place].id;
  };
  const toggle = (/** @type {string} */ id) => {
    const set = new Set(chosen);
    if (!set.delete(id)) set.add(id);
    pick(set);
  };
  useKeys(t("runs.keys"), [
    { key: "j", label: t("keys.next"), shown: "j ↓", run: () => step(at + 1, false) },
    { key: "k", label: t("keys.previous"), shown: "k ↑", run: () => step(at - 1, false) },
    { key: "ArrowDown", label: t("keys.extend"), shown: "Shift ↓", run: (event) => step(at + 1, event.shiftKey) },
    { key: "ArrowUp", label: t("keys.extend"), shown: "Shift ↑", run: (event) => step(at - 1, event.shiftKey) },
    { key: " ", label: t("keys.select"), run: () => at >= 0 && toggle(runs[at].id) },
    { key: "Enter", label: t("keys.open"), run: () => at >= 0 && go(to("runs", runs[at].id)) },
    { key: "e", label: t("keys.draw"), run: () => at >= 0 && eye(runs[at].id) },
  ]);
  const all = runs.length > 0 && runs.every((/** @type {any} */ run) => chosen.has(run.id));
  return html`<div
    class="tw"
    ref=${box}
    tabindex="0"
    role="region"
    aria-label=${t("nav.runs")}
    onScroll=${(/** @type {any} */ event) => (scroll(event.target.scrollTop), event.target.scrollTop + event.target.clientHeight > event.target.scrollHeight - 400 && more())}
  >
    <table aria-rowcount=${total + 1}>
      <thead>
        <tr>
          <th class="ck">
            <input
              type="checkbox"
              aria-label=${t("runs.selectall")}
              checked=${all}
              onChange=${() => pick(new Set(all ? [] : runs.map((/** @type {any} */ run) => run.id)))}
            />
          </th>
          <${Th} column=${{ key: "name", label: t("col.run"), by: () => 0 }} sort=${sort} set=${order} class="stick" />
          <${Th} column=${{ key: "status", label: t("col.state"), by: () => 0 }} sort=${sort} set=${order} />
          ${columns.map(
            (column) => html`
            <${Th} key=${column.key} column=${column} sort=${sort} set=${order} class=${column.hl ? "hl" : ""} />
            ${column.key === trend ? html`<th>${t("col.trend")}</th>` : null}
          `,
          )}
          <th class="num"><${Columns} keys=${keys} metrics=${metrics} params=${params} list=${list} /></th>
        </tr>
      </thead>
      <tbody onMouseLeave=${() => (pointed.value = "")}>
        ${first ? html`<tr aria-hidden="true"><td colspan="99" style=${`height:${first * ROW}px;padding:0;border:0`}></td></tr>` : null}
        ${rows.map(
          (/** @type {any} */ run, /** @type {number} */ i) => html`<tr
          key=${i}
          aria-rowindex=${first + i + 2}
          aria-selected=${chosen.has(run.id) ? "true" : null}
          class=${`open ${first + i === at ? "at" : ""}`}
          onMouseEnter=${() => (pointed.value = run.id)}
          onClick=${(/** @type {MouseEvent} */ event) => !(/** @type {Element} */ (event.target).closest("a, button, input")) && go(to("runs", run.id))}
        >
          <td class="ck">
            <input
              type="checkbox"
              aria-label=${t("runs.select", { name: run.name })}
              checked=${chosen.has(run.id)}
              onChange=${() => toggle(run.id)}
            />
            <button
              type="button"
              class="btn bare icon"
              style="width:24px;height:24px;display:inline-flex;vertical-align:middle"
              aria-pressed=${String(colors.has(run.id))}
              aria-label=${t("runs.draw", { name: run.name })}
              onClick=${() => eye(run.id)}
            >
              <span
                class=${`sw ${colors.has(run.id) ? "" : "off"}`}
                style=${colors.has(run.id) ? `background:${colors.get(run.id)}` : ""}
              ></span>
            </button>
          </td>
          <td class="stick"><a href=${to("runs", run.id)}>${run.name || run.id}</a></td>
          <td><${State} of=${run.status} /></td>
          ${columns.map(
            (column) => html`
            <td key=${column.key} class=${column.num ? "num" : ""}>${column.cell(run)}</td>
            ${column.key === trend ? html`<td><${Spark} values=${held.current.get(run.id)?.get(trend) ?? []} /></td>` : null}
          `,
          )}
          <td></td>
        </tr>`,
        )}
        ${
          runs.length > first + rows.length
            ? html`<tr aria-hidden="true">
          <td colspan="99" style=${`height:${(runs.length - first - rows.length) * ROW}px;padding:0;border:0`}></td>
        </tr>`
            : null
        }
      </tbody>
    </table>
  </div>`;
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
    return {
      key: name,
      label: name,
      num: true,
      by,
      cell: (run) =>
        html`
          ${name === main && Number.isFinite(run.metrics[name]) ? html`<span class="db"><i style=${`width:${Math.round(60 * share(run.metrics[name]))}px`}></i></span>` : null}
          <span class=${name === main && run.metrics[name] === (lessIsBetter(name) ? low : high) ? "strong" : ""}>
            <${Num} x=${run.metrics[name]} digits=${digits} />
          </span>
        `,
    };
  }
  if (key.startsWith("p.")) {
    const name = key.slice(2);
    const number = runs.every((run) => run.params[name] === undefined || typeof run.params[name] === "number");
    return {
      key: `params.${name}`,
      label: name,
      num: number,
      by,
      hl: params.find((item) => item.key === name)?.differs,
      cell: (run) => plain(run.params[name]),
    };
  }
  return (
    {
      experiment: { key: "experiment", label: t("col.experiment"), by, cell: (/** @type {any} */ run) => run.group },
      kind: {
        key: "kind",
        label: t("col.kind"),
        by,
        cell: (/** @type {any} */ run) => t(/** @type {any} */ (`kind.${run.kind}`)),
      },
      outcome: {
        key: "outcome",
        label: t("col.outcome"),
        by,
        cell: (/** @type {any} */ run) => run.outcome && t(/** @type {any} */ (`outcome.${run.outcome}`)),
      },
      seconds: {
        key: "seconds",
        label: t("col.took"),
        num: true,
        by,
        cell: (/** @type {any} */ run) => took((run.ended ?? Date.now() / 1000) - run.started),
      },
      started: {
        key: "started",
        label: t("col.started"),
        num: true,
        by,
        cell: (/** @type {any} */ run) =>
          html`<span class="faint" title=${clock(run.started, true)}><${When} at=${run.started} /></span>`,
      },
      by: {
        key: "agent",
        label: t("col.by"),
        by,
        cell: (/** @type {any} */ run) => html`<span class="mute">${person(run.agent)}</span>`,
      },
    }[key] ?? { key, label: key, cell: () => "" }
  );
}

/** @param {any} props */
function Columns({ keys, metrics, params, list }) {
  const toggle = (/** @type {string} */ key) =>
    list(
      (keys.includes(key) ? keys.filter((/** @type {string} */ other) => other !== key) : [...keys, key]).join(","),
    );
  const item = (/** @type {string} */ key, /** @type {any} */ label) =>
    html`<label class="row" key=${key}>
      <input type="checkbox" checked=${keys.includes(key)} onChange=${() => toggle(key)} /> ${label}
    </label>`;
  return html`<details class="menu left">
    <summary class="btn bare s" aria-label=${t("runs.columns")} title=${t("runs.columns")}>
      <${Ico} n="columns" />
    </summary>
    <div class="tip">
      <span class="faint">${t("runs.metrics")}</span>
      ${metrics.map((/** @type {string} */ key) => item(`m.${key}`, key))}
      <span class="faint">${t("run.params")}</span>
      ${params.map((/** @type {any} */ one) => item(`p.${one.key}`, one.key))}
      <span class="faint">${t("runs.facts")}</span>
      ${PLAIN.map(([key, label]) => item(key, t(label)))}
    </div>
  </details>`;
}
