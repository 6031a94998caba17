import { type CSSProperties, type SyntheticEvent, useState } from "react";
import { ImageIcon } from "@/ui/icons";

type State = "asked" | { width: number; height: number } | "failed";

/**
 * An image that the answer points to. It is never fetched by itself, which would tell its host who
 * reads what: the whole address is shown, and a click loads it.
 */
export function RemoteImage({ url, alt }: { url: string; alt: string }) {
  const [state, setState] = useState<State>();
  if (!/^https?:\/\//i.test(url)) return <span className="text-muted">{alt || "Image"}</span>;
  if (!state) {
    return (
      <button
        type="button"
        onClick={(event) => {
          // Of a link around the image.
          event.preventDefault();
          setState("asked");
        }}
        className="my-1 flex w-fit max-w-full items-start gap-2.5 rounded-control border border-line px-3 py-2 text-start text-sm hover:bg-hover"
      >
        <ImageIcon className="mt-0.5 shrink-0" />
        <span className="min-w-0">
          <span className="block font-medium text-text">{alt ? `Load image: ${alt}` : "Load image"}</span>
          <Address url={url} />
        </span>
      </button>
    );
  }
  return (
    <span className="my-1 block text-sm">
      {state === "asked" && (
        <span role="status" className="block text-muted">
          Loading image…
        </span>
      )}
      {state === "failed" ? (
        <span role="alert" className="block">
          The image could not be loaded.{" "}
          <button
            type="button"
            onClick={(event) => {
              event.preventDefault();
              setState("asked");
            }}
            className="underline"
          >
            Try again
          </button>
        </span>
      ) : (
        <Frame url={url} alt={alt} state={state} onState={setState} />
      )}
      <Address url={url} />
    </span>
  );
}

function Address({ url }: { url: string }) {
  return (
    <span className="block break-all text-muted" dir="ltr">
      {url}
    </span>
  );
}

/**
 * The page's own policy allows no foreign image. An empty document of this server allows nothing
 * else (docs/decisions/0013), so the image is put into that one.
 */
function Frame({
  url,
  alt,
  state,
  onState,
}: {
  url: string;
  alt: string;
  state: "asked" | { width: number; height: number };
  onState: (state: State) => void;
}) {
  const put = ({ currentTarget: frame }: SyntheticEvent<HTMLIFrameElement>) => {
    const inside = frame.contentDocument;
    if (!inside) return onState("failed");
    // Unlike schemes would give the frame a white ground in the dark.
    inside.documentElement.style.colorScheme = getComputedStyle(frame).colorScheme;
    const image = inside.createElement("img");
    image.alt = alt;
    image.referrerPolicy = "no-referrer";
    // An SVG without a size of its own says 0.
    image.onload = () => onState({ width: image.naturalWidth || 300, height: image.naturalHeight || 150 });
    image.onerror = () => onState("failed");
    image.src = url;
    inside.body.replaceChildren(image);
  };
  return (
    <iframe
      title={alt || "Image"}
      src="/remote-image.html"
      onLoad={put}
      className="block border-0"
      style={state === "asked" ? { width: 0, height: 0 } : fitted(state)}
    />
  );
}

function fitted({ width, height }: { width: number; height: number }): CSSProperties {
  const ratio = width / height;
  return { width: `min(100%, ${width}px, ${(70 * ratio).toFixed(2)}dvh)`, aspectRatio: ratio };
}
