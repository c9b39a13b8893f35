// Where things stand on the drawing of a bridge: the bridge in the middle, its ports on both sides, far ends outside of
// them, mirrors below. Pure geometry; on a narrow screen all ports stand on one side. Beyond so many ports a drawing
// tells nothing any more, and the page shows a field of cells instead.

/** Ports of a bridge that are drawn; more become cells. */
export const DRAWN_PORTS_MAX = 32;
/** Below this width, in pixels, there is room for one side. */
export const ONE_SIDED_BELOW = 620;

const ROW = 58;
/** Few ports stand further apart, so that a drawing is as high as the plots beside it. */
const ROW_ROOMY = 104;
const ROOMY_HEIGHT = 400;
const PADDING = 16;
const BRIDGE_WIDTH = 92;
const BOX_HEIGHT = 42;
const MIRROR_ROW = 40;
const BOX_WIDTH_MAX = 190;

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedPort<T> {
  readonly port: T;
  readonly box: Box;
  readonly side: "left" | "right";
  /** From the port to the bridge. */
  readonly path: string;
}

export interface PlacedMirror<T> {
  readonly mirror: T;
  readonly box: Box;
  readonly path: string;
}

export interface Drawing<P, M> {
  readonly width: number;
  readonly height: number;
  readonly bridge: Box;
  readonly ports: readonly PlacedPort<P>[];
  readonly mirrors: readonly PlacedMirror<M>[];
}

/** Places a bridge's ports and mirrors in a drawing of this width. */
export function place<P, M>(width: number, ports: readonly P[], mirrors: readonly M[]): Drawing<P, M> {
  const oneSided = width < ONE_SIDED_BELOW;
  const leftCount = oneSided ? ports.length : Math.ceil(ports.length / 2);
  const rows = Math.max(1, leftCount);
  const row = oneSided ? ROW : Math.max(ROW, Math.min(ROW_ROOMY, ROOMY_HEIGHT / rows));
  const bodyHeight = rows * row;
  const boxWidth = Math.min(BOX_WIDTH_MAX, width * (oneSided ? 0.46 : 0.27));
  const bridge = {
    x: oneSided ? width - BRIDGE_WIDTH - PADDING : (width - BRIDGE_WIDTH) / 2,
    y: PADDING,
    width: BRIDGE_WIDTH,
    height: bodyHeight,
  };
  const placed = ports.map((port, index) => {
    const side = index < leftCount ? ("left" as const) : ("right" as const);
    const place = side === "left" ? index : index - leftCount;
    const ownRows = side === "left" ? leftCount : ports.length - leftCount;
    const y = PADDING + ((place + 0.5) * bodyHeight) / ownRows - BOX_HEIGHT / 2;
    const x = side === "left" ? PADDING : width - PADDING - boxWidth;
    const box = { x, y, width: boxWidth, height: BOX_HEIGHT };
    return { port, side, box, path: pathToBridge(box, side, bridge) };
  });
  const placedMirrors = mirrors.map((mirror, index) => placeMirror(mirror, index, bridge, width, oneSided));
  const height = bodyHeight + 2 * PADDING + mirrors.length * MIRROR_ROW + (mirrors.length > 0 ? PADDING : 0);
  return { width, height, bridge, ports: placed, mirrors: placedMirrors };
}

function pathToBridge(box: Box, side: "left" | "right", bridge: Box): string {
  const from = side === "left" ? box.x + box.width : box.x;
  const to = side === "left" ? bridge.x : bridge.x + bridge.width;
  const y = round(box.y + box.height / 2);
  const middle = round((from + to) / 2);
  // Ends a little towards the middle of the bridge, so that lines do not lie on its corners.
  const end = round(bridge.y + bridge.height / 2 + (y - bridge.y - bridge.height / 2) * 0.9);
  return `M${round(from)} ${y} C${middle} ${y} ${middle} ${end} ${round(to)} ${end}`;
}

function placeMirror<M>(
  mirror: M,
  index: number,
  bridge: Box,
  width: number,
  oneSided: boolean,
): PlacedMirror<M> {
  const left = oneSided ? PADDING : bridge.x + bridge.width + 24;
  const boxWidth = Math.min(260, oneSided ? width * 0.62 : width - left - PADDING);
  const y = bridge.y + bridge.height + PADDING + index * MIRROR_ROW + 6;
  const box = { x: left, y, width: boxWidth, height: 30 };
  const tapX = round(bridge.x + (oneSided ? 14 + index * 8 : bridge.width - 14 - index * 8));
  const end = oneSided ? box.x + box.width : box.x;
  const path = `M${tapX} ${bridge.y + bridge.height} V${round(y + 15)} H${round(end)}`;
  return { mirror, box, path };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Cuts a name to so many characters, the middle left out, for its end tells hubs' ports apart. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const head = Math.ceil((charactersMax - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (charactersMax - 1 - head))}`;
}
