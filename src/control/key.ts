// How ports and mirrors are told apart by a text.

/** Identifies a port or a mirror; `/` cannot occur in a name. */
export function keyOf({ bridge, name }: { bridge: string; name: string }): string {
  return `${bridge}/${name}`;
}
