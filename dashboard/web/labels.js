// Finds positions for the labels of points, so that none covers another or a point.

/**
 * placeLabels takes points [{x, y, w, h}] in order of importance, with the width
 * and height of their labels, and the box {left, right, top, bottom} for the
 * labels. lines are boxes that labels avoid where there is room elsewhere. For each point it returns the upper left corner of its label and whether
 * that needs a line to its point, {x, y, far}, or null if there is no room.
 */
export function placeLabels(points, box, radius, lines = []) {
  const taken = points.map(({ x, y }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }));
  return points.map((point) => {
    const areaAt = ({ x, y }) => ({ left: x, right: x + point.w, top: y, bottom: y + point.h });
    const free = [...candidates(point, radius)].filter((at) => {
      const area = areaAt(at);
      return area.left >= box.left && area.right <= box.right && area.top >= box.top && area.bottom <= box.bottom && !taken.some((other) => overlap(area, other));
    });
    const best = free.find((at) => !lines.some((line) => overlap(areaAt(at), line))) ?? free[0] ?? null;
    if (best) taken.push(areaAt(best));
    return best;
  });
}

function* candidates({ x, y, w, h }, radius) {
  const gap = radius * 1.5;
  for (const far of [0, 1, 2, 3, 4, 5, 6]) {
    const dx = gap + far * h * 0.6;
    const dy = far * h * 0.9;
    yield { x: x + dx, y: y - h / 2 - dy, far: far > 0 };
    yield { x: x - dx - w, y: y - h / 2 - dy, far: far > 0 };
    yield { x: x + dx, y: y - h / 2 + dy, far: far > 0 };
    yield { x: x - dx - w, y: y - h / 2 + dy, far: far > 0 };
    yield { x: x - w / 2, y: y - h - gap - dy, far: far > 0 };
    yield { x: x - w / 2, y: y + gap + dy, far: far > 0 };
  }
}

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
