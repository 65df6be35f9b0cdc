/* Paged lists, which the API filters. */

import { call } from "./api.js";
import { element } from "./dom.js";

const PAGE_SIZE = 25;

/* Return a page of a list and its controls. statuses: the options of the status filter. */
export async function list(view, operation, members, { statuses = [], filters = true } = {}) {
  view.state.tokens ??= [undefined]; // of the pages so far; the last one is displayed
  const name = view.query.get("name"), status = view.query.get("status");
  const request = { ...members, MaxResults: PAGE_SIZE, SortOrder: "Descending", NextToken: view.state.tokens.at(-1) };
  if (filters && name) request.NameContains = name;
  if (status) request.StatusEquals = status;
  const response = await call(operation, request);
  const items = Object.values(response).find(Array.isArray);
  return { items, controls: [filters && drawFilters(view, name, status, statuses), drawPages(view, response.NextToken)] };
}

function drawFilters(view, name, status, statuses) {
  const options = ["", ...statuses].map((each) => element("option", { value: each, selected: each === (status ?? "") }, each || "any"));
  const choose = (event) => view.filter(event.target.name, event.target.value);
  return element("form", { class: "controls", role: "search", onsubmit: (event) => event.preventDefault() },
    element("label", {}, "Name contains ", element("input", { type: "search", name: "name", value: name ?? "", onchange: choose })),
    element("button", {}, "Filter"),
    statuses.length > 0 && element("label", {}, "Status ", element("select", { name: "status", onchange: choose }, options)));
}

/* Return the controls for the pages of a list. view.state.tokens: the tokens of the pages so far. */
export function drawPages(view, next) {
  const { tokens } = view.state;
  if (tokens.length === 1 && !next) return null;
  const turn = (label, allowed, change) => {
    const onclick = () => { change(); view.refresh(); };
    return element("button", { type: "button", "aria-disabled": String(!allowed), onclick: allowed ? onclick : null }, label);
  };
  return element("p", { class: "controls", "data-key": "pages" },
    turn("Previous", tokens.length > 1, () => tokens.pop()), element("span", {}, `Page ${tokens.length}`),
    turn("Next", next, () => tokens.push(next)));
}
