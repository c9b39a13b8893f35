// How a rate becomes moving weight on the drawing: thickness and speed by the logarithm, since a ping and a million frames
// a second have to be told apart from each other and from nothing.

/** Of the scale: one frame a second and ten million. */
const DECADES = 7;
const THICKNESS_MIN = 1.5;
const THICKNESS_MAX = 9;
/** Of the pattern of dashes, periods a second. */
const SPEED_MIN = 0.25;
const SPEED_MAX = 3;

/** 0 for nothing, up to 1 for ten million frames a second and more. */
export function weightOf(packetsPerSecond: number): number {
  if (!(packetsPerSecond > 0)) return 0;
  const decades = Math.log10(Math.max(1, packetsPerSecond));
  return Math.min(1, 0.08 + (0.92 * decades) / DECADES);
}

/** The width of a line, in pixels of the drawing. */
export function thicknessOf(weight: number): number {
  return weight === 0 ? 1 : THICKNESS_MIN + weight * (THICKNESS_MAX - THICKNESS_MIN);
}

/** Periods of the dashes a second; 0 = it stands still. */
export function speedOf(weight: number): number {
  return weight === 0 ? 0 : SPEED_MIN + weight * (SPEED_MAX - SPEED_MIN);
}
