// Flows: what starts them, what they do, why each run ran and what came of it.

import { change, useCall } from "./api.js";
import {
  Cmd,
  Empty,
  Head,
  Loaded,
  Mark,
  Outcome,
  Panel,
  State,
  When,
  ask,
  html,
  t,
  to,
  toast,
  useQuery,
  useWidth,
} from "./ui.js";
import { count, took } from "./words.js";

/** A trigger in words. @param {any} trigger */
const triggerText = (trigger) =>
  [trigger.kind, trigger.subject, ...(trigger.words.length ? [trigger.words.join(` ${t("or")} `)] : [])].join(" ");

/** @param {{flow?: string}} props */
export default function Flows({ flow }) {
  const flows = useCall("flow.ls", {}, { on: /job|pipeline|run\./ });
  if (flow) {
    const found = flows.value?.find((/** @type {any} */ item) => item.flow.name === flow);
    if (found) return html`<${Flow} summary=${found} />`;
    return html`<div class="page">
      <${Head} title=${flow} />
      <${Loaded} of=${flows}>${() => html`<div class="panel">
        <${Empty} title=${t("flow.gone")} text=${t("flow.gone.text", { name: flow })} />
      </div>`}<//>
    </div>`;
  }
  return html`<div class="page">
    <${Head} title=${t("nav.flows")} sub=${flows.value?.length ? t("flows.sub", { n: flows.value.length }) : null} />
    <${Loaded} of=${flows}>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? html`
        <${Panel} title=${t("nav.flows")} note=${count(rows.length)}>
          <div class="scroll">
            <table aria-label=${t("nav.flows")}>
              <thead>
                <tr>
                  <th>${t("col.name")}</th>
                  <th>${t("col.state")}</th>
                  <th>${t("flows.starts")}</th>
                  <th class="num">${t("flows.steps")}</th>
                  <th class="num">${t("flows.runs")}</th>
                  <th>${t("flows.last")}</th>
                  <th class="num">${t("col.when")}</th>
                </tr>
              </thead>
              <tbody>
                ${rows.map(
                  (row) => html`<tr key=${row.flow.name}>
                  <td><a href=${to("flows", row.flow.name)}>${row.flow.name}</a></td>
                  <td>
                    ${row.state === "idle" ? html`<${Mark} s="off">${t("flows.idle")}<//>` : html`<${State} of=${row.state} />`}
                  </td>
                  <td class="mono small">
                    <span class="clip">${row.flow.on.map(triggerText).join(", ") || t("flows.byhand")}</span>
                  </td>
                  <td class="num">${count(row.flow.steps.length)}</td>
                  <td class="num">${row.runs >= 1000 ? "1,000+" : count(row.runs)}</td>
                  <td>
                    ${row.last ? html`<${Result} run=${row.last} />` : html`<span class="faint">${t("never")}</span>`}
                  </td>
                  <td class="num faint">${row.last ? html`<${When} at=${row.last.started} />` : "–"}</td>
                </tr>`,
                )}
              </tbody>
            </table>
          </div>
        <//>
        <${History} />
      `
          : html`<div class="panel">
        <${Empty} title=${t("flows.empty")} text=${t("flows.empty.text")}>
          <pre style="text-align:left">${EXAMPLE}</pre>
        <//>
      </div>`}
    <//>
  </div>`;
}

const EXAMPLE = `[flow.retrain]
on = "ref.moved dataset/digits@main"
steps = ["track run -- python train.py", "models register latest --name digits"]`;

/** How a run of a flow ended. @param {{run: any}} props */
const Result = ({ run }) =>
  run.status === "running"
    ? html`<${State} of="running" />`
    : run.status === "finished"
      ? html`<${Outcome} of=${run.outcome || "done"} />`
      : html`<${State} of=${run.status} />`;

/** @param {{summary: any}} props */
function Flow({ summary }) {
  const { flow, last, state } = summary;
  const history = useCall("flow.history", { flow: flow.name, limit: 50 }, { on: /job|pipeline|run\./ });
  const [picked] = useQuery("run");
  const shown = history.value?.find((/** @type {any} */ run) => run.id === picked) ?? last;
  return html`<div class="page">
    <${Head}
      title=${flow.name}
      sub=${shown ? html`${t("flow.because", { reason: shown.reason })}, <${When} at=${shown.started} />` : t("flow.never")}
    >
      <button type="button" class="btn main-act" onClick=${() => start(flow)}>${t("flow.run")}</button>
    <//>
    <${Panel}
      title=${t("flow.steps")}
      note=${shown ? html`<${Result} run=${shown} />` : state === "idle" ? t("flows.idle") : t(/** @type {any} */ (`state.${state}`))}
      actions=${
        shown
          ? html`
        <span class="small mute tn">${took((shown.ended ?? Date.now() / 1000) - shown.started)}</span>
        <a class="small" href=${to("runs", shown.id)}>${t("open.run")}</a>
      `
          : null
      }
    >
      <div class="in"><${Steps} flow=${flow} run=${shown} /></div>
      ${shown?.error ? html`<footer><${Mark} s="bad">${shown.error}<//></footer>` : null}
    <//>
    <div class="cols side">
      <${History} flow=${flow.name} held=${history} shown=${shown?.id} />
      <aside class="stack">
        <${Panel} title=${t("flow.starts")}>
          ${
            flow.on.length
              ? html`<ul class="list small">
            ${flow.on.map((/** @type {any} */ trigger) => html`<li class="mono">${triggerText(trigger)}</li>`)}
          </ul>`
              : html`<p class="in mute">${t("flows.byhand")}</p>`
          }
          ${
            flow.cooldown || flow.limit
              ? html`<footer>
            ${flow.cooldown ? t("flow.cooldown", { time: took(flow.cooldown) }) : ""} ${flow.limit ? t("flow.limit", { time: took(flow.limit) }) : ""}
          </footer>`
              : null
          }
        <//>
        <${Panel} title=${t("flow.commands")}>
          <ol class="in stack" style="gap:6px">
            ${flow.steps.map((/** @type {string} */ step) => html`<li><${Cmd} line=${`cauce ${step}`} /></li>`)}
          </ol>
        <//>
      </aside>
    </div>
  </div>`;
}

/** Ask, then queue the flow. @param {any} flow */
function start(flow) {
  ask({
    title: t("flow.run.title", { name: flow.name }),
    body: html`<p>${t("flow.run.text", { n: flow.steps.length })}</p>`,
    verb: t("flow.run"),
    run: async () => {
      await change("flow.start", { flow: flow.name });
      toast(t("flow.run.done", { name: flow.name }));
    },
  });
}

/** The steps in a row, each with how it went. @param {{flow: any, run: any}} props */
function Steps({ flow, run }) {
  const [ref, width] = useWidth();
  const done = run?.steps ?? [];
  const names =
    run &&
    done.length &&
    done.some((/** @type {any} */ step, /** @type {number} */ i) => step.command !== flow.steps[i])
      ? done.map((/** @type {any} */ step) => step.command)
      : flow.steps;
  const each = Math.max(1, Math.floor((width + 24) / 214));
  const sign = (/** @type {number} */ i) =>
    done[i]
      ? done[i].exit_code === 0
        ? "ok"
        : done[i].exit_code === 6
          ? "off"
          : "bad"
      : run?.status === "running" && i === done.length
        ? "run"
        : "off";
  return html`<ol
    ref=${ref}
    style=${`display:grid;grid-template-columns:repeat(${Math.min(each, names.length)},minmax(0,1fr));gap:14px 24px`}
    aria-label=${t("flow.steps")}
  >
    ${names.map(
      (
        /** @type {string} */ step,
        /** @type {number} */ i,
      ) => html`<li key=${i} class=${`step ${i % each ? "on" : ""}`} title=${step}>
      <div class="row">
        <${Mark} s=${sign(i)} />
        <b class="strong clip grow">${step.split(" ").slice(0, 2).join(" ")}</b>
        <span class="faint small tn">${done[i] ? took(done[i].seconds) : ""}</span>
      </div>
      <div class="faint small mono clip">${step.split(" ").slice(2).join(" ") || "\u00a0"}</div>
      ${
        done[i]?.exit_code
          ? html`<div class="small ${done[i].exit_code === 6 ? "mute" : "bad-t"}">
        ${t(done[i].exit_code === 6 ? "flow.gate" : "flow.exit", { code: done[i].exit_code })}
      </div>`
          : null
      }
    </li>`,
    )}
  </ol>`;
}

/** @param {{flow?: string, held?: any, shown?: string}} props */
function History({ flow, held, shown }) {
  const own = useCall(held ? null : "flow.history", { limit: 50 }, { on: /job|pipeline|run\./ });
  const found = held ?? own;
  return html`<${Panel} title=${t(flow ? "flow.history" : "flows.history")} note=${found.value ? count(found.value.length) : ""}>
    <${Loaded} of=${found}>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? html`<div class="scroll">
        <table aria-label=${t("flow.history")}>
          <thead>
            <tr>
              ${flow ? null : html`<th>${t("palette.flow")}</th>`}
              <th>${t("flow.why")}</th>
              <th>${t("col.result")}</th>
              <th class="num">${t("flows.steps")}</th>
              <th class="num">${t("col.took")}</th>
              <th class="num">${t("col.started")}</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (run) => html`<tr key=${run.id} aria-selected=${run.id === shown ? "true" : null}>
              ${flow ? null : html`<td><a href=${to("flows", run.flow)}>${run.flow}</a></td>`}
              <td><a href=${flow ? `?run=${run.id}` : to("runs", run.id)}>${run.reason}</a></td>
              <td><${Result} run=${run} /></td>
              <td class="num">${count(run.steps.length)}</td>
              <td class="num">${took((run.ended ?? Date.now() / 1000) - run.started)}</td>
              <td class="num faint"><${When} at=${run.started} /></td>
            </tr>`,
            )}
          </tbody>
        </table>
      </div>`
          : html`<${Empty} title=${t("flow.never")} text=${t("flow.never.text")} />`}
    <//>
  <//>`;
}
