// What happened, in words; and what to do where nothing has happened yet.

import { useCall } from "./api.js";
import { Cmd, Head, Ico, Loaded, Mark, Panel, html, project, t, to, withQuery } from "./ui.js";
import { clock, day, full, person, rich } from "./words.js";

/** An event in words, or nothing when it says no more than its neighbours. @param {any} event @returns {{text: any, note?: any, href?: string, sign?: import("./ui.js").Sign, group?: string} | null} */
function tell(event) {
  const [kind, rest = ""] = event.subject.split(/\/(.*)/);
  const [name, tag = ""] = rest.split("@");
  const data = event.data;
  if (event.kind === "ref.moved" && data.new) {
    if (kind === "dataset" && /^v\d/.test(tag))
      return {
        text: t("event.dataset", { name, tag }),
        note: data.message,
        href: withQuery(to("data", name), { v: tag }),
        sign: "ok",
      };
    if (kind === "annotations" && /^v\d/.test(tag))
      return { text: t("event.annotations", { name, tag }), note: data.message, href: to("label"), sign: "ok" };
    if (kind === "model" && /^\d+$/.test(tag))
      return { text: t("event.model", { name, tag }), href: to("models", name, tag), sign: "ok" };
    if (kind === "model" && /^\d+-/.test(tag))
      return {
        text: t("event.variant", { name, tag: tag.replace("-", " ") }),
        href: to("models", name, tag),
        sign: "ok",
      };
    if (kind === "model" && tag === "champion")
      return { text: t("event.champion", { name }), note: data.message, href: to("models", name), sign: "ok" };
    if (kind === "deployment" && tag === "live")
      return { text: t("event.live", { name }), note: data.message, href: to("serving", name), sign: "ok" };
    return null;
  }
  if (event.kind === "run.ended" && ["train", "compare", "drift", "pipeline"].includes(kind)) {
    const outcome = data.outcome ? t(/** @type {any} */ (`outcome.${data.outcome}`)) : "";
    return {
      text: t(/** @type {any} */ (`event.${kind}`), { name: name || rest }),
      note: outcome,
      href: kind === "drift" ? to("monitor", name) : to("runs", data.run),
      sign: data.status === "finished" ? (data.outcome === "drifted" ? "warn" : "ok") : "bad",
    };
  }
  if (event.kind === "run.started" && kind === "train")
    return { text: t("event.started", { name }), href: to("runs", data.run), sign: "run" };
  if (event.kind === "label.submitted")
    return { text: "", group: `label ${name} ${event.agent}`, href: to("label", name) };
  if (event.kind === "label.created")
    return {
      text: t("event.queue", { name }),
      note: t("n.tasks", { n: data.tasks ?? 0 }),
      href: to("label", name),
      sign: "ok",
    };
  if (event.kind === "job.ended" && data.state === "failed")
    return { text: t("event.job", { name: rest }), href: to("flows"), sign: "bad" };
  return null;
}

/** @param {{}} _ */
export function Today(_) {
  const events = useCall("events.ls", { newest: true, limit: 400 });
  const ended = new Set(
    (events.value ?? [])
      .filter((/** @type {any} */ event) => event.kind === "run.ended")
      .map((/** @type {any} */ event) => event.data.run),
  );
  /** @type {any[]} */
  const lines = [];
  for (const event of [...(events.value ?? [])].sort((a, b) => b.seq - a.seq)) {
    if (event.kind === "run.started" && ended.has(event.data.run)) continue;
    const found = tell(event);
    if (!found) continue;
    const last = lines.at(-1);
    if (found.group && last?.group === found.group) last.n += 1;
    else lines.push({ ...found, n: 1, event });
    if (lines.length > 14) break;
  }
  const today = (/** @type {number} */ at) => new Date(at * 1000).toDateString() === new Date().toDateString();
  return html`<${Panel}
    title=${lines.length && !lines.slice(0, 12).some((line) => today(line.event.at)) ? t("today.past") : t("today")}
  >
    <${Loaded} of=${events}>
      ${() =>
        lines.length
          ? html`<ul class="list act-list">
        ${lines.slice(0, 12).map(
          (line) => html`<li key=${line.event.seq}>
          <time title=${full(line.event.at)} datetime=${new Date(line.event.at * 1000).toISOString()}>
            ${today(line.event.at) ? clock(line.event.at) : day(line.event.at)}
          </time>
          <a class="clip" style="color:var(--text)" href=${line.href}>
            ${line.group ? t("event.labels", { n: line.n, name: line.group.split(" ")[1], person: person(line.event.agent) }) : line.text}
          </a>
          <span class="faint small right clip" style="max-width:46%">${line.note ?? ""}</span>
          <${Mark} s=${line.sign ?? "ok"} />
        </li>`,
        )}
      </ul>`
          : html`<p class="in mute">${t("today.none")}</p>`}
    <//>
  <//>`;
}

/** The first steps of an empty project, one command each. */
export function First() {
  const steps = /** @type {[import("./ui.js").IconName, string, string][]} */ ([
    ["data", "data", "cauce data add FOLDER"],
    ["label", "label", "cauce label create NAME --dataset FOLDER --classes A B"],
    ["runs", "track", "cauce track run -- python train.py"],
    ["models", "register", "cauce models register latest --name NAME"],
    ["serving", "serve", "cauce serve deploy NAME@latest"],
    ["monitor", "watch", "cauce watch reference prod --data FOLDER"],
  ]);
  return html`<div class="page narrow">
    <${Head} title=${t("first.title", { project })} sub=${t("first.sub")} />
    <ol class="steps">
      ${steps.map(
        ([icon, key, line], i) => html`<li key=${key} class=${i === 0 ? "now" : ""}>
        <span class="dot"><${Ico} n=${icon} /></span>
        <div>
          <div class="strong">${t(/** @type {any} */ (`first.${key}`))}</div>
          <div class="faint small">${t(/** @type {any} */ (`first.${key}.text`))}</div>
        </div>
        <${Cmd} line=${line} />
      </li>`,
      )}
    </ol>
    <div class="note">
      <${Ico} n="info" />
      <div>${rich("first.note", { demo: html`<code>cauce demo FOLDER</code>` })}</div>
    </div>
  </div>`;
}
