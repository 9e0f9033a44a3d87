"use strict";
/*
Tables that sort and filter. They stand in the page as it is opened; scripts only add to them.

  <table class="sortable">    a click or Enter on a heading sorts: upwards, downwards, as it was
    <th data-unsorted>        a heading that does not
    <td data-value="44.855">  a number, in full; the other cells are texts
    <tbody class="ends">      rows that stay at the end as they are: groups, the overall score
*/
(() => {
  const LONG = 12; // rows; longer tables can be filtered
  const MISSING = new Set(["", "–"]);
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    return MISSING.has(text) ? null : text;
  };

  /* Numbers before texts; missing ones last whichever way it is sorted. */
  const comparison = (direction, collator) => (left, right) => {
    if (left.value === null || right.value === null) return (left.value === null) - (right.value === null);
    const kinds = (typeof left.value === "string") - (typeof right.value === "string");
    if (kinds !== 0) return kinds;
    const order = typeof left.value === "number" ? left.value - right.value : collator.compare(left.value, right.value);
    return direction === "ascending" ? order : -order;
  };

  const sort = (body, originals, column, direction) => {
    const collator = new Intl.Collator(Page.data.language, { numeric: true });
    const rows = originals.map((row) => ({ row, value: valueOf(row, column) }));
    if (direction !== "none") rows.sort(comparison(direction, collator)); // stable, from the order of the file
    body.append(...rows.map((each) => each.row));
  };

  const addSorting = (table) => {
    const bodies = [...table.tBodies].filter((body) => !body.classList.contains("ends"));
    const originals = new Map(bodies.map((body) => [body, [...body.rows]]));
    const headings = [...table.tHead.rows[0].cells];
    for (const [column, heading] of headings.entries()) {
      if (heading.dataset.unsorted !== undefined || !heading.textContent.trim()) continue;
      const name = heading.textContent.trim();
      const button = Page.element("button", { type: "button", class: "sort", title: Page.t("tables_sort", { name }) });
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const direction = NEXT[heading.getAttribute("aria-sort")];
        for (const each of headings) if (each.hasAttribute("aria-sort")) each.setAttribute("aria-sort", "none");
        heading.setAttribute("aria-sort", direction);
        for (const body of bodies) sort(body, originals.get(body), column, direction);
      });
    }
  };

  const addFilter = (table) => {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    if (rows.length <= LONG) return;
    const count = Page.element("span", { class: "note", role: "status" });
    const texts = new Map(rows.map((row) => [row, row.textContent.toLocaleLowerCase()]));
    const input = Page.element("input", { type: "search", placeholder: Page.t("tables_filter") });
    input.setAttribute("aria-label", `${Page.t("tables_filter")}: ${table.caption?.textContent.trim() ?? ""}`);
    input.addEventListener("input", () => {
      const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = words.length ? Page.t("tables_filtered", { shown, all: rows.length }) : "";
    });
    const place = table.closest(".scroll") ?? table;
    place.before(Page.element("p", { class: "filter" }, input, " ", count));
  };

  const copy = async (button, block) => {
    getSelection().selectAllChildren(block); // what stays to be copied by hand where a browser forbids the rest
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = Page.t("tables_copied");
    } catch {
      button.textContent = Page.t("tables_copy");
    }
  };

  /* A button behind every `<pre class="copied">`. */
  const addCopying = (root) => {
    for (const block of root.querySelectorAll("pre.copied")) {
      const button = Page.element("button", { type: "button", class: "copy" }, Page.t("tables_copy"));
      button.addEventListener("click", () => copy(button, block));
      block.before(button);
    }
  };

  for (const name of ["summary", "scores", "published"]) {
    Page.section(name, (root) => {
      for (const table of root.querySelectorAll("table.sortable")) {
        addSorting(table);
        addFilter(table);
      }
      addCopying(root);
    });
  }
})();
