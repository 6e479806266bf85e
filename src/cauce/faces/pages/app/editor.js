// Labelling by hand: one picture, one key, the next picture at once.

import { call, objectUrl, offline, useCall } from "./api.js";
import { Progress, publish, totalOf } from "./label.js";
import { over } from "./shell.js";
import {
  Fail,
  Ico,
  Loading,
  Mark,
  html,
  signal,
  t,
  to,
  toast,
  useEffect,
  useKeys,
  useMemo,
  useRef,
  useState,
  withQuery,
} from "./ui.js";
import { clock, num, person } from "./words.js";

/** @typedef {{id: string, project: string, item: string, path: string, origin: string, guess: string | null, confidence: number | null, state: string, label: string | null, annotator: string, seconds: number}} Task */
/** @typedef {{task: string, label: string | null, seconds: number}} Answer */

const OUTBOX = "cauce-outbox";

/** Answers that could not be sent yet; they wait in this browser. @returns {Answer[]} */
const outbox = () => JSON.parse(localStorage.getItem(OUTBOX) ?? "[]");
const kept = signal(outbox().length);

/** @param {Answer[]} list */
function keep(list) {
  if (list.length) localStorage.setItem(OUTBOX, JSON.stringify(list));
  else localStorage.removeItem(OUTBOX);
  kept.value = list.length;
}

/** @param {Answer} answer */
const send = (answer) =>
  answer.label === null
    ? call("label.skip", { task: answer.task })
    : call("label.submit", { task: answer.task, label: answer.label, seconds: answer.seconds });

/** Send what waits, in order, until the server is away again. */
async function flush() {
  for (let list = outbox(); list.length; list = outbox()) {
    try {
      await send(list[0]);
    } catch (error) {
      if (/** @type {any} */ (error).status === 0) return;
      toast(/** @type {Error} */ (error).message);
    }
    keep(outbox().filter((other) => other.task !== list[0].task || other.label !== list[0].label));
  }
}

/** The order in which the server gives tasks out: least sure first. @param {Task} one @param {Task} two */
const order = (one, two) =>
  (one.confidence ?? 9) - (two.confidence ?? 9) || one.path.localeCompare(two.path) || one.id.localeCompare(two.id);

/** The keys of classes: 1…9, then 0; classes that are digits have their own. @param {string[]} classes @returns {string[]} */
const keysOf = (classes) =>
  classes.every((label) => /^\d$/.test(label))
    ? classes
    : classes.map((_, at) => (at < 9 ? String(at + 1) : at === 9 ? "0" : ""));

/** @param {{queue: string}} props */
export default function Editor({ queue }) {
  const summary = useCall("label.show", { project: queue }, { on: /label|annotations/ });
  const waiting = useCall("label.tasks", { project: queue, state: "waiting", limit: 200 }, { on: null });
  const [current, show] = useState(/** @type {Task | null | undefined} */ (undefined));
  const [done, answer] = useState(/** @type {Task[]} */ ([]));
  const [saved, save] = useState(0);
  const [error, fail] = useState(/** @type {any} */ (null));
  const begun = useRef(Date.now());
  const shown = useRef(/** @type {string | undefined} */ (undefined));
  const answered = useRef(new Set());
  const sending = useRef(Promise.resolve());

  const see = (/** @type {Task | null} */ task) => {
    shown.current = task?.id;
    begun.current = Date.now();
    show(task);
  };
  const lease = async () => {
    try {
      const task = await call("label.next", { project: queue });
      if (task && answered.current.has(task.id)) return;
      const other = shown.current !== undefined && shown.current !== task?.id;
      if (shown.current === undefined || (other && !answered.current.has(shown.current) && task)) see(task);
      else if (!task && answered.current.size && !upcoming.current.length) see(null);
      fail(null);
    } catch (problem) {
      if (shown.current === undefined) fail(problem);
    }
  };
  useEffect(() => void flush().then(lease), [queue]);
  useEffect(() => offline.subscribe((away) => void (away || flush())), []);

  const upcoming = useRef(/** @type {Task[]} */ ([]));
  upcoming.current = useMemo(() => [...(waiting.value ?? [])].sort(order), [waiting.value]).filter(
    (task) => task.id !== current?.id && !answered.current.has(task.id),
  );
  useEffect(() => {
    for (const task of upcoming.current.slice(0, 3)) new Image().src = objectUrl(task.item);
  }, [current?.id, waiting.value]);
  useEffect(() => {
    if (upcoming.current.length < 5 && (waiting.value?.length ?? 0) >= 200) waiting.again();
  }, [current?.id]);

  const give = async (/** @type {string | null} */ label) => {
    if (!current) return;
    const seconds = Math.min(600, (Date.now() - begun.current) / 1000);
    const task = { ...current, label, state: label === null ? "skipped" : "done" };
    answered.current.add(task.id);
    answer((list) => [...list.filter((other) => other.id !== task.id), task]);
    const next = upcoming.current.find((other) => other.id !== task.id) ?? null;
    if (next) see(next);
    else shown.current = task.id;
    const reply = { task: task.id, label, seconds: Math.round(10 * seconds) / 10 };
    // One after the other: an answer that was taken back must not arrive after its correction.
    const sent = sending.current.then(() => send(reply));
    sending.current = sent.then(
      () => {},
      () => {},
    );
    try {
      await sent;
      save(Date.now() / 1000);
    } catch (problem) {
      if (/** @type {any} */ (problem).status === 0) keep([...outbox(), reply]);
      else toast(/** @type {Error} */ (problem).message);
    }
    if (!next) shown.current = undefined;
    await lease();
    if (!next && shown.current === undefined) see(null);
  };
  const undo = () => {
    const last = done.at(-1);
    if (!last) return;
    answered.current.delete(last.id);
    answer((list) => list.slice(0, -1));
    see(last);
  };

  const classes = /** @type {string[]} */ (summary.value?.classes ?? []);
  const numbers = keysOf(classes);
  useKeys(t("editor.keys"), [
    ...classes.slice(0, 10).map((label, at) => ({ key: numbers[at], label, run: () => void give(label) })),
    {
      key: "Enter",
      label: t("editor.accept"),
      run: () => void (current?.guess && classes.includes(current.guess) && give(current.guess)),
    },
    { key: "x", label: t("editor.skip"), run: () => void give(null) },
    { key: "z", label: t("editor.undo"), run: undo },
  ]);

  if (summary.error && summary.value === undefined)
    return html`<div class="page"><h1 class="vh">${queue}</h1><${Fail} error=${summary.error} again=${summary.again} /></div>`;
  if (!summary.value) return html`<div class="page"><h1 class="vh">${queue}</h1><${Loading} block rows=${2} /></div>`;
  const mine = done.filter((task) => task.state === "done");
  const guessed = current?.guess && classes.includes(current.guess);
  return html`
    <h1 class="vh">${t("editor.title", { name: queue })}</h1>
    <div class="edit">
      <div class="bar">
        <a class="btn bare s" href=${to("label")}><${Ico} n="left" />${queue}</a>
        <${Progress} counts=${summary.value.counts} />
        <span class="small mute opt clip">${summary.value.question}</span>
        <span class="right small faint nowrap opt" role="status">
          ${kept.value ? t("editor.kept", { n: kept.value }) : saved ? t("editor.saved", { at: clock(saved, true) }) : ""}
        </span>
        <button
          type="button"
          class="btn s"
          disabled=${!summary.value.counts.done}
          onClick=${() => publish(summary.value)}
        >
          ${t("label.publish")}
        </button>
        <button type="button" class="btn bare s opt" onClick=${() => (over.value = "keys")}>
          ${t("keys.title")} <kbd>?</kbd>
        </button>
      </div>
      <div class="work">
        <ul class="queue" aria-label=${t("editor.queue")}>
          ${done.slice(-3).map((task) => html`<${Thumb} key=${task.id} task=${task} />`)}
          ${current ? html`<${Thumb} key=${current.id} task=${current} on />` : null}
          ${upcoming.current.slice(0, 12).map((task) => html`<${Thumb} key=${task.id} task=${task} />`)}
        </ul>
        <div class="stage">
          ${
            error
              ? html`<div class="panel" style="background:var(--surface);color:var(--text)">
            <${Fail} error=${error} again=${lease} />
          </div>`
              : current === undefined
                ? html`<span class="vh" role="status">${t("loading")}</span>`
                : current === null
                  ? html`<${Done} queue=${summary.value} />`
                  : html`
            <img key=${current.id} src=${objectUrl(current.item)} alt=${t("editor.picture", { path: current.path })} />
            ${
              current.guess
                ? html`<span class="guess">
              ${t("editor.guess", { guess: current.guess, sure: num(current.confidence, 2) })}
            </span>`
                : null
            }
          `
          }
        </div>
        <aside class="pane" aria-label=${t("editor.labels")}>
          <h2>${t("editor.labels")}</h2>
          <div class="labs">
            ${classes.map(
              (label, at) => html`<button
              type="button"
              key=${label}
              class="lab"
              disabled=${!current}
              aria-pressed=${String(label === (current?.label ?? current?.guess))}
              onClick=${() => give(label)}
            >
              ${numbers[at] ? html`<kbd>${numbers[at]}</kbd>` : html`<span style="width:15px"></span>`}
              <span class="clip">${label}</span>
              <span class="n">${num(summary.value.labels[label] ?? 0)}</span>
            </button>`,
            )}
          </div>
          ${
            current
              ? html`
            <h2>${t("editor.task")}</h2>
            <dl class="kv s" style="padding:0 14px 14px">
              <dt>${t("col.file")}</dt>
              <dd class="mono">${current.path.split("/").pop()}</dd>
              <dt>${t("editor.origin")}</dt>
              <dd>
                ${
                  current.origin.startsWith("sha256:")
                    ? html`<a href=${withQuery(to("lineage"), { of: current.origin })}>${summary.value.dataset}</a>`
                    : html`<a href=${withQuery(to("lineage"), { of: `prediction:${current.origin}` })}>
                  ${t("lineage.prediction", { id: current.origin.slice(-6) })}
                </a>`
                }
              </dd>
              ${
                current.label
                  ? html`
                <dt>${t("editor.before")}</dt>
                <dd>${current.label}, ${person(current.annotator)}</dd>
              `
                  : null
              }
            </dl>
          `
              : null
          }
          ${
            mine.length
              ? html`
            <h2>${t("editor.session")}</h2>
            <dl class="kv s" style="padding:0 14px 14px">
              <dt>${t("editor.labelled")}</dt>
              <dd class="tn">${mine.length}</dd>
              ${
                mine.some((task) => task.guess)
                  ? html`
                <dt>${t("editor.agreed")}</dt>
                <dd class="tn">
                  ${t("data.of", { shown: mine.filter((task) => task.guess === task.label).length, n: mine.filter((task) => task.guess).length })}
                </dd>
              `
                  : null
              }
            </dl>
          `
              : null
          }
        </aside>
      </div>
      <div class="foot2">
        <span class="small faint clip grow">${current ? html`<span class="mono">${current.path}</span>` : ""}</span>
        <button type="button" class="btn bare" disabled=${!done.length} onClick=${undo}>
          <${Ico} n="undo" />
          ${t("editor.undo")} <kbd>Z</kbd>
        </button>
        <button type="button" class="btn" disabled=${!current} onClick=${() => give(null)}>
          ${t("editor.skip")} <kbd>X</kbd>
        </button>
        <button
          type="button"
          class="btn main-act"
          disabled=${!guessed}
          onClick=${() => give(current?.guess ?? null)}
        >
          ${guessed ? t("editor.is", { guess: current?.guess }) : t("editor.choose")} ${guessed ? html`<kbd>Enter</kbd>` : null}
        </button>
      </div>
    </div>
  `;
}

/** @param {{task: Task, on?: boolean}} props */
const Thumb = ({ task, on = false }) =>
  html`<li class=${on ? "on" : ""} aria-current=${on ? "true" : null}>
    <img src=${objectUrl(task.item)} alt=${task.path.split("/").pop()} width="82" height="62" loading="lazy" />
    ${!on && task.label ? html`<span class="w">${task.label}</span>` : null}
    ${!on && task.state === "done" ? html`<span class="m"><${Mark} s="ok" /></span>` : !on && task.state === "skipped" ? html`<span class="m"><${Mark} s="off" /></span>` : null}
  </li>`;

/** @param {{queue: any}} props */
const Done = ({ queue }) =>
  html`<div class="done">
    <h2>${totalOf(queue.counts) ? t("editor.done") : t("editor.none")}</h2>
    <p>
      ${!queue.counts.done ? t("editor.none.text") : queue.published ? t("editor.done.again", { v: queue.published }) : t("editor.done.text", { n: queue.counts.done })}
    </p>
    ${queue.counts.done ? html`<button type="button" class="btn main-act" onClick=${() => publish(queue)}>${t("label.publish")}</button>` : null}
    <a class="btn" href=${to("label")}>${t("editor.back")}</a>
  </div>`;
