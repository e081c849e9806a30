// Where the labels of points go, so that none covers another or a point.

/**
 * place takes points [{x, y, w, h}], the w and h those of its label, in order
 * of importance, and the box {left, right, top, bottom} that labels stay in. It
 * returns for each {x, y, far}, the label's upper left corner and whether it
 * needs a leader, or null where there is no room.
 */
export function place(points, box, radius) {
  const taken = points.map(({ x, y }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }));
  return points.map((point) => {
    for (const { x, y, far } of candidates(point, radius)) {
      const spot = { left: x, right: x + point.w, top: y, bottom: y + point.h };
      if (spot.left < box.left || spot.right > box.right || spot.top < box.top || spot.bottom > box.bottom) continue;
      if (taken.some((other) => overlap(spot, other))) continue;
      taken.push(spot);
      return { x, y, far };
    }
    return null;
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
