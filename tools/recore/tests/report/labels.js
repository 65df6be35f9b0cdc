/* Return a list of the problems with the labels of a page's figures. The box of a label is the box of the unrotated
   text, with its corners rotated, so that adjacent slanted labels do not count as overlapping. The toolbar is included,
   although it is invisible until the mouse is over the figure. */
() => {
  const problems = [], width = document.documentElement.clientWidth;
  const box = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return [[left, top], [right, top], [right, bottom], [left, bottom]].map(([x, y]) => ({ x, y }));
  };
  const corners = (text) => {
    const { x, y, width, height } = text.getBBox(), matrix = text.getScreenCTM();
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]].map(([a, b]) => new DOMPoint(a, b).matrixTransform(matrix));
  };
  /* Two rectangles are apart if a side of one separates them; a pixel of overlap is allowed. */
  const apart = (one, other) => [one, other].some((shape) => [0, 1].some((side) => {
    const x = shape[side + 1].x - shape[side].x, y = shape[side + 1].y - shape[side].y, length = Math.hypot(x, y) || 1;
    const extent = (points) => { const positions = points.map((point) => (point.x * x + point.y * y) / length); return [Math.min(...positions), Math.max(...positions)]; };
    const [a, b] = [extent(one), extent(other)];
    return a[1] <= b[0] + 1 || b[1] <= a[0] + 1;
  }));
  if (document.documentElement.scrollWidth > width) problems.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  for (const element of document.querySelectorAll("main *:not(.scroll *):not(svg *), header *, nav *, footer *"))
    if (element.getBoundingClientRect().right > width + 1) problems.push(`<${element.localName}> "${element.textContent.slice(0, 30)}" sticks out of the page`);
  for (const plot of document.querySelectorAll(".plot")) {
    const name = plot.dataset.figure, frame = plot.getBoundingClientRect();
    const buttons = [...plot.querySelectorAll(".modebar-btn")].map(box);
    if (!buttons.length) problems.push(`${name}: no toolbar`);
    const areas = [...plot.querySelectorAll(".nsewdrag, .cbfills")].map(box);
    const labels = [...plot.querySelectorAll("svg text")]
      .filter((text) => text.textContent.trim() && !text.closest(".hoverlayer") && text.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
      .map((text) => ({ words: text.textContent, shape: corners(text), inside: text.matches(".bartext") }));
    for (const { words, shape, inside } of labels) {
      if (shape.some(({ x, y }) => x < frame.left - 1 || x > frame.right + 1 || y < frame.top - 1 || y > frame.bottom + 1)) problems.push(`${name}: "${words}" sticks out of the figure`);
      if (!inside && areas.some((area) => !apart(shape, area))) problems.push(`${name}: "${words}" is on the plot`);
      if (buttons.some((button) => !apart(shape, button))) problems.push(`${name}: "${words}" is under the toolbar`);
    }
    labels.forEach((one, i) => labels.slice(i + 1).forEach((other) => {
      if (!apart(one.shape, other.shape)) problems.push(`${name}: "${one.words}" is on "${other.words}"`);
    }));
    for (const axes of [".xaxislayer-above", ".yaxislayer-above"]) {
      const shown = [...plot.querySelectorAll(`${axes} text`)].filter((text) => text.style.visibility !== "hidden");
      if (shown.length < 2) problems.push(`${name}: only ${shown.length} labels in ${axes}`);
    }
  }
  return problems;
}
