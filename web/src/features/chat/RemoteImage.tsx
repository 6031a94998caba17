import { ImageIcon } from "@/ui/icons";

/**
 * An image that the answer points to. It is never fetched by the page, which would tell its host
 * who reads what: the whole address is shown, and a click opens it.
 */
export function RemoteImage({ url, alt }: { url: string; alt: string }) {
  const remote = /^https?:\/\//i.test(url);
  if (!remote) return <span className="text-muted">{alt || "Image"}</span>;
  return (
    <a
      href={url}
      target="_blank"
      rel="noopener noreferrer nofollow"
      className="my-1 flex w-fit max-w-full items-start gap-2.5 rounded-control border border-line px-3 py-2 text-sm no-underline! hover:bg-hover"
    >
      <ImageIcon className="mt-0.5 shrink-0" />
      <span className="min-w-0">
        <span className="block font-medium text-text">{alt ? `Load image: ${alt}` : "Load image"}</span>
        <span className="block break-all text-muted" dir="ltr">
          {url}
        </span>
      </span>
    </a>
  );
}
