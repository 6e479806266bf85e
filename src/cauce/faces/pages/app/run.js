// One run: what went in, how it went, what came out.

import { call, useCall } from "./api.js";
import { title } from "./nav.js";
import { Plot, linesOf, paint } from "./plot.js";
import { nameOf, register } from "./things.js";
import {
  Copy,
  Empty,
  Fail,
  Figure,
  Head,
  Ico,
  Id,
  Loading,
  Num,
  Outcome,
  Panel,
  State,
  When,
  html,
  plain,
  t,
  to,
  useEffect,
  useMemo,
  useRef,
  useState,
  withQuery,
} from "./ui.js";
import { clock, count, num, person, size, took } from "./words.js";

/** @param {{run: string}} props */
export default function RunPage({ run: id }) {
  const detail = useCall("track.show", { run: id }, { on: /run\.|ref\.moved/ });
  const running = detail.value?.run.status === "running";
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(detail.again, 2000);
    return () => clearInterval(timer);
  }, [running]);
  if (detail.error && detail.value === undefined)
    return html`<div class="page"><${Head} title=${id} /><${Fail} error=${detail.error} again=${detail.again} /></div>`;
  if (!detail.value)
    return html`<div class="page"><${Head} title=${t("kind.run")} sub=${" "} /><${Loading} block rows=${3} /></div>`;
  return html`<${Body} detail=${detail.value} />`;
}

/** @param {{detail: any}} props */
function Body({ detail }) {
  const { run, keys, used, generated, children } = detail;
  const models = useCall("models.ls", {}, { on: /model/ }).value ?? [];
  const artifact = generated.find((/** @type {any} */ item) => item.kind === "artifact" && item.role === "model");
  useEffect(() => void (title.value = run.name), [run.name]);
  const seconds = (run.ended ?? Date.now() / 1000) - run.started;
  return html`<div class="page">
    <${Head}
      title=${html`${run.name || run.id} <span class="light">${t(/** @type {any} */ (`kind.${run.kind}`))}</span>`}
      sub=${html`
        <${State} of=${run.status} /> ${run.outcome ? html`<${Outcome} of=${run.outcome} /> ` : null}
        · ${person(run.agent)} · <${When} at=${run.started} /> · ${took(seconds)}
        ${run.group ? ` · ${run.group}` : ""}
      `}
    >
      <a class="btn" href=${withQuery(to("lineage"), { of: `run:${run.id}`, direction: "both" })}>
        <${Ico} n="lineage" />
        ${t("nav.lineage")}
      </a>
      ${
        artifact && run.status === "finished"
          ? html`<button type="button" class="btn main-act" onClick=${() => register(run, models[0]?.name)}>
        ${t("register")}
      </button>`
          : null
      }
    <//>
    ${
      run.error
        ? html`<div class="note warn" role="alert">
      <${Ico} n="warn" />
      <div><b class="strong">${t("run.failed")}</b> <span class="pre">${run.error}</span></div>
    </div>`
        : null
    }
    ${
      keys.length
        ? html`<section class="kp" aria-label=${t("runs.metrics")}>
      ${keys.slice(0, 5).map(
        (/** @type {any} */ item) => html`<${Figure}
        key=${item.key}
        name=${item.key}
        value=${html`<${Num} x=${item.last} />`}
        note=${t("run.range", { low: num(item.min), high: num(item.max), n: item.count })}
      />`,
      )}
    </section>`
        : Object.keys(run.metrics).length
          ? html`<section class="kp" aria-label=${t("runs.metrics")}>
      ${Object.entries(run.metrics)
        .slice(0, 5)
        .map(
          ([key, value]) =>
            html`<${Figure} key=${key} name=${key} value=${html`<${Num} x=${/** @type {number} */ (value)} />`} />`,
        )}
    </section>`
          : null
    }
    <div class="cols side">
      <div class="stack">
        ${keys.length ? html`<${Curves} run=${run} keys=${keys.map((/** @type {any} */ item) => item.key)} />` : null}
        <${Log} run=${run} lines=${detail.lines} />
        ${
          children.length
            ? html`<${Panel} title=${t("run.children")} note=${count(children.length)}>
          <ul class="list small">
            ${children.slice(0, 20).map(
              (/** @type {any} */ child) => html`<li key=${child.id}>
              <a href=${to("runs", child.id)}>${child.name || child.id}</a>
              <span class="faint">${t(/** @type {any} */ (`kind.${child.kind}`))}</span>
              <span class="right"><${State} of=${child.status} /></span>
            </li>`,
            )}
          </ul>
        <//>`
            : null
        }
        ${!keys.length && !detail.lines && !children.length ? html`<div class="panel"><${Empty} title=${t("run.nothing")} text=${t("run.nothing.text")} /></div>` : null}
      </div>
      <aside class="stack">
        <${Params} run=${run} />
        <${Versions} title=${t("run.used")} list=${used} />
        <${Versions} title=${t("run.generated")} list=${generated} />
        <${Facts} run=${run} />
      </aside>
    </div>
  </div>`;
}

/** @param {{run: any, keys: string[]}} props */
function Curves({ run, keys }) {
  const found = useCall(
    "track.series",
    { runs: [run.id], keys: keys.slice(0, 12), points: 1200 },
    { on: null, every: run.status === "running" ? 2 : 0 },
  );
  const colors = useMemo(() => paint([run.id]), [run.id]);
  const plots = useMemo(
    () => keys.slice(0, 12).map((key) => ({ key, lines: linesOf(found.value ?? [], [run], key, colors) })),
    [found.value, keys.join(), run.status],
  );
  const drawn = plots.filter((plot) => plot.lines.some((line) => line.xs.length > 1));
  if (!drawn.length) return null;
  return html`<${Panel} title=${t("run.curves")} note=${keys.length > 12 ? t("data.of", { shown: 12, n: keys.length }) : ""}>
    <div
      class="charts"
      style="border:0;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));border-radius:0 0 8px 8px;overflow:hidden"
    >
      ${drawn.map(
        ({ key, lines }) => html`<figure key=${key}>
        <figcaption>
          <h3>${key}</h3>
          <span class="faint small">${lines[0].total > lines[0].xs.length ? t("runs.thinned") : ""}</span>
        </figcaption>
        <${Plot} name=${key} lines=${lines} height=${160} sync=${run.id} />
      </figure>`,
      )}
    </div>
  <//>`;
}

const CHUNK = 500;

/** The console, followed while the run runs. @param {{run: any, lines: number}} props */
function Log({ run, lines }) {
  const [shown, add] = useState(/** @type {any[]} */ ([]));
  const [error, fail] = useState(/** @type {any} */ (null));
  const next = useRef(Math.max(0, lines - CHUNK));
  const first = useRef(next.current);
  const busy = useRef(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!lines || busy.current) return;
    busy.current = true;
    call("track.logs", { run: run.id, after: next.current, limit: CHUNK }).then(
      (page) => {
        busy.current = false;
        next.current = page.next;
        const node = box.current;
        const end = !node || node.scrollTop + node.clientHeight > node.scrollHeight - 30;
        if (page.lines.length) add((before) => [...before, ...page.lines].slice(-5000));
        if (end) requestAnimationFrame(() => box.current && (box.current.scrollTop = box.current.scrollHeight));
      },
      (problem) => ((busy.current = false), fail(problem)),
    );
  }, [run.id, lines]);
  if (!lines) return null;
  return html`<${Panel}
    title=${t("run.log")}
    note=${first.current ? t("run.log.last", { n: shown.length, all: lines }) : t("run.log.lines", { n: lines })}
    actions=${html`<${Copy} text=${shown.map((line) => line.text).join("\n")} label=${t("copy")} />`}
  >
    ${error ? html`<${Fail} error=${error} again=${() => fail(null)} />` : null}
    <div class="log" role="log" tabindex="0" aria-label=${t("run.log")} ref=${box}>
      ${shown.map(
        (line, i) => html`<div key=${i} class=${line.stream === "err" ? "err" : ""}>
        ${line.at ? html`<span class="t">${clock(line.at, true)}</span> ` : null}
        ${line.text}
      </div>`,
      )}
    </div>
  <//>`;
}

/** @param {{run: any}} props */
function Params({ run }) {
  const rows = Object.entries(run.params);
  const tags = Object.entries(run.tags).filter(([key]) => !key.startsWith("cauce."));
  if (!rows.length && !tags.length) return null;
  return html`<${Panel}
    title=${t("run.params")}
    note=${count(rows.length)}
    actions=${html`<${Copy} text=${JSON.stringify(run.params, null, 2)} label="JSON" />`}
  >
    <div class="in">
      <dl class="kv s">${rows.map(([key, value]) => html`<dt>${key}</dt><dd class="mono">${plain(value)}</dd>`)}</dl>
      ${
        tags.length
          ? html`<div class="row wrap" style="margin-top:10px">
        ${tags.map(([key, value]) => html`<span class="badge" key=${key}>${key} ${value}</span>`)}
      </div>`
          : null
      }
    </div>
  <//>`;
}

/** @param {{title: string, list: any[]}} props */
function Versions({ title, list }) {
  if (!list.length) return null;
  const page = (/** @type {any} */ item) => {
    const ref = item.refs.find((/** @type {string} */ one) => /@v?\d/.test(one)) ?? item.refs[0] ?? "";
    const [name, tag] = ref.replace(/^.*\//, "").split("@");
    if (item.kind === "dataset" && name) return withQuery(to("data", name), { v: tag });
    if (item.kind === "model" && name) return to("models", name, tag);
    if (item.kind === "deployment" && name) return to("serving", name);
    return withQuery(to("lineage"), { of: item.version });
  };
  return html`<${Panel} title=${title} note=${count(list.length)}>
    <ul class="list small">
      ${list.map(
        (item) => html`<li key=${item.version + item.role}>
        <a href=${page(item)}>${nameOf({ ...item, id: item.version, type: "version" })}</a>
        <span class="faint">
          ${[t(/** @type {any} */ (`kind.${item.kind}`)), item.role].filter(Boolean).join(" · ")}
        </span>
        <span class="right faint tn">${size(item.size)}</span>
      </li>`,
      )}
    </ul>
  <//>`;
}

/** @param {{run: any}} props */
const Facts = ({
  run,
}) => html`<${Panel} title=${t("facts")} actions=${html`<${Copy} text=${run.id} label=${t("copy.id")} />`}>
  <div class="in">
    <dl class="kv s">
      <dt>${t("col.started")}</dt>
      <dd><${When} at=${run.started} /></dd>
      <dt>${t("col.took")}</dt>
      <dd class="tn">${took((run.ended ?? Date.now() / 1000) - run.started)}</dd>
      <dt>${t("col.by")}</dt>
      <dd>${person(run.agent)}</dd>
      ${
        run.parent
          ? html`
        <dt>${t("run.parent")}</dt>
        <dd><a href=${to("runs", run.parent)}><${Id} of=${run.parent} /></a></dd>
      `
          : null
      }
      ${
        run.code?.commit
          ? html`
        <dt>${t("run.commit")}</dt>
        <dd>
          <${Id} of=${run.code.commit} />
          ${run.code.branch ? ` ${run.code.branch}` : ""}
          ${run.code.dirty ? html` <span class="badge warn">${t("run.dirty")}</span>` : null}
        </dd>
      `
          : null
      }
      ${run.code?.entry ? html`<dt>${t("run.entry")}</dt><dd class="mono">${run.code.entry}</dd>` : null}
      ${
        run.code?.command?.length
          ? html`
        <dt>${t("run.command")}</dt>
        <dd class="mono">${run.code.command.join(" ")}</dd>
      `
          : null
      }
      <dt>${t("col.id")}</dt>
      <dd class="mono" style="font-size:11px">${run.id}</dd>
    </dl>
  </div>
<//>`;
