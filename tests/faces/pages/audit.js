// What is wrong with the page that is open, as sentences: a small check of its own for headings,
// names, addresses and text. Run in the browser; gives an empty list when nothing is wrong.
() => {
  const problems = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (node) => node.getClientRects().length > 0;
  const name = (node) => [
    node.getAttribute("aria-label"),
    node.labels?.[0]?.textContent,
    node.textContent,
    node.getAttribute("title"),
    ...[...node.querySelectorAll("img")].map((image) => image.alt),
  ].join("").trim();

  const titles = all("h1").length;
  if (titles !== 1) problems.push(`${titles} elements h1`);
  all("h1, h2, h3").reduce((before, node) => {
    const level = Number(node.tagName[1]);
    if (level > before + 1) problems.push(`h${level} "${node.textContent}" after h${before}`);
    return level;
  }, 0);

  for (const node of all("button, a[href], input, select, summary, [role=img]")) {
    if (seen(node) && !name(node)) problems.push(`no name: ${node.outerHTML.slice(0, 120)}`);
  }
  for (const node of all("img:not([alt])")) problems.push(`no alt: ${node.src}`);
  for (const node of all("button, a.btn, input, select")) {
    const { height } = node.getBoundingClientRect();
    const small = height > 0 && height < 18 && node.type !== "checkbox" && !node.closest("th, .vh");
    if (seen(node) && small) problems.push(`too small: ${node.outerHTML.slice(0, 90)}`);
  }

  const ids = all("[id]").map((node) => node.id);
  for (const id of new Set(ids)) {
    if (ids.filter((other) => other === id).length > 1) problems.push(`id twice: ${id}`);
  }
  for (const node of all("a[href]")) {
    const href = node.getAttribute("href");
    if (/undefined|null|NaN/.test(href)) problems.push(`address: ${href}`);
  }
  for (const node of all("main *")) {
    const text = node.children.length ? "" : node.textContent;
    if (/undefined|NaN|\[object/.test(text)) problems.push(`text: ${text.slice(0, 80)}`);
  }
  return problems;
}
