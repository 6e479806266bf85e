// An address that is no page.

import { Empty, html, t, to } from "./ui.js";

/** @param {{path: string}} props */
export default function Missing({ path }) {
  return html`<div class="page">
    <h1 class="vh">${t("missing.title")}</h1>
    <${Empty} title=${t("missing.title")} text=${t("missing.text", { path })}>
      <a class="btn" href=${to()}>${t("nav.overview")}</a>
    <//>
  </div>`;
}
