// Compares releases of Linux as `uname -r` has them.

/** Whether a release, such as "6.12.48-1-amd64", is older than a version. */
export function isBelow(release: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = release.split(/[.-]/).map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}
