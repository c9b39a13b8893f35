// What the parts of the page share: the store, the width they have, and things that are read now and then.
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useRef, useState } from "preact/hooks";
import { read } from "./api.ts";
import type { State, Store } from "./store.ts";

export const StoreContext = createContext<Store | null>(null);

export function useStore(): Store {
  return useContext(StoreContext) as Store;
}

/** The state, drawn anew whenever it changes. */
export function useSwitch(): State {
  const store = useStore();
  const [state, setState] = useState(store.state);
  useEffect(() => store.subscribe(() => setState(store.state)), [store]);
  return state;
}

/** The width of an element as it is now; 0 before it is known. */
export function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

export interface Polled<T> {
  /** Undefined before the first answer, or where this switch has no such thing. */
  readonly value: T | undefined;
  readonly again: () => void;
}

/** Asks for a path and takes from the answer what is wanted. */
export type Reader<T> = (path: string, signal: AbortSignal) => Promise<T>;

/**
 * Reads a path every so often while the page is seen; slower if the answers are slow, for they cost the switch time. `reader`, for
 * answers other than JSON, is the same at each call: with another one reading begins anew.
 */
export function usePolled<T>(path: string, everyMs: number, reader: Reader<T> = read): Polled<T> {
  const [value, setValue] = useState<T | undefined>(undefined);
  const [turn, setTurn] = useState(0);
  const { link, routes } = useSwitch();
  const isThere = routes.has(`/v1/${path.split("?", 1)[0]}`);
  useEffect(() => {
    if (link !== "live" || !isThere) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const poll = async () => {
      const started = performance.now();
      if (!document.hidden) {
        const answer = await reader(path, stop.signal).catch(() => undefined);
        if (stop.signal.aborted) return;
        if (answer !== undefined) setValue(answer);
      }
      timer = setTimeout(poll, Math.max(everyMs, 20 * (performance.now() - started)));
    };
    poll();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, reader, link, isThere, turn]);
  return { value, again: useCallback(() => setTurn((before) => before + 1), []) };
}

/** "light" or "dark" as it is now drawn, and a function that turns it. */
export function useScheme() {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const [chosen, setChosen] = useState(localStorage.getItem("vxswitch-scheme"));
  const [systemDark, setSystemDark] = useState(system.matches);
  useEffect(() => {
    const follow = () => setSystemDark(system.matches);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  const scheme = chosen === "light" || chosen === "dark" ? chosen : systemDark ? "dark" : "light";
  useEffect(() => {
    document.documentElement.dataset.scheme = scheme;
  }, [scheme]);
  const turn = () => {
    const next = scheme === "dark" ? "light" : "dark";
    localStorage.setItem("vxswitch-scheme", next);
    setChosen(next);
  };
  return { scheme, turn };
}
