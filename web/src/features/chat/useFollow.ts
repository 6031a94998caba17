import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from "react";

/** Farther away from the end than this, the way back is offered. */
const OFFER_FROM = 160;
/** Rounding of fractional pixels. */
const AT_END = 2;
/** A scroll this soon after a touch of wheel, finger or key is the user's own. */
const INTENT = 400;

/**
 * Keeps a scroller at its end while its content grows, from opening on until the user moves
 * upwards, and again once they are back at the end.
 */
export function useFollow(scroller: RefObject<HTMLElement | null>, contentHeight: number) {
  const following = useRef(true);
  const lastTop = useRef(0);
  const touched = useRef(Number.NEGATIVE_INFINITY);
  const [far, setFar] = useState(false);

  const toEnd = useCallback(() => {
    following.current = true;
    setFar(false);
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [scroller]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when the content has changed its height
  useLayoutEffect(() => {
    if (following.current) toEnd();
  }, [contentHeight, toEnd]);

  // The window, or the input below, may change the scroller's own height.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => following.current && toEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, toEnd]);

  const onIntent = () => {
    touched.current = performance.now();
  };
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    const distance = scrollHeight - clientHeight - scrollTop;
    const upwards = scrollTop < lastTop.current;
    lastTop.current = scrollTop;
    if (distance <= AT_END) following.current = true;
    else if (upwards && performance.now() - touched.current < INTENT) following.current = false;
    setFar(!following.current && distance > OFFER_FROM);
  };

  return {
    far,
    toEnd,
    handlers: {
      onScroll,
      onWheel: onIntent,
      onTouchMove: onIntent,
      onKeyDown: onIntent,
      onPointerDown: onIntent,
      onPointerMove: (event: { buttons: number }) => event.buttons > 0 && onIntent(),
    },
  };
}
