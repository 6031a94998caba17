import type { SVGProps } from "react";

type IconProps = SVGProps<SVGSVGElement>;

const Icon = ({ path, ...props }: IconProps & { path: string }) => (
  <svg
    viewBox="0 0 20 20"
    width="20"
    height="20"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.6"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    {...props}
  >
    <path d={path} />
  </svg>
);

export const PlusIcon = (props: IconProps) => <Icon path="M10 4v12M4 10h12" {...props} />;
export const ComposeIcon = (props: IconProps) => (
  <Icon
    path="M9 4H5.5A1.5 1.5 0 0 0 4 5.5v9A1.5 1.5 0 0 0 5.5 16h9a1.5 1.5 0 0 0 1.5-1.5V11M8 12l.4-2.4 6.2-6.2a1.4 1.4 0 0 1 2 2l-6.2 6.2L8 12Z"
    {...props}
  />
);
export const SidebarIcon = (props: IconProps) => (
  <Icon
    path="M4.5 3.5h11A1.5 1.5 0 0 1 17 5v10a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 15V5a1.5 1.5 0 0 1 1.5-1.5ZM8 3.5v13"
    {...props}
  />
);
export const SendIcon = (props: IconProps) => <Icon path="M10 16V4m0 0L5 9m5-5 5 5" {...props} />;
export const QueueIcon = (props: IconProps) => (
  <Icon path="M10 12.500V3m0 0L6 7m4-4 4 4M4 13v3.500h12V13" {...props} />
);
export const StopIcon = (props: IconProps) => <Icon path="M6.5 6.5h7v7h-7z" {...props} />;
export const MoreIcon = (props: IconProps) => <Icon path="M5 10h.01M10 10h.01M15 10h.01" {...props} />;
export const PencilIcon = (props: IconProps) => (
  <Icon path="m4 16 .8-3.6 8.4-8.4a1.7 1.7 0 0 1 2.4 0l.4.4a1.7 1.7 0 0 1 0 2.4l-8.4 8.4L4 16Z" {...props} />
);
export const TrashIcon = (props: IconProps) => (
  <Icon
    path="M4 6h12M8 6V4.5h4V6m-6.5 0 .7 9.2a1 1 0 0 0 1 .8h5.6a1 1 0 0 0 1-.8L14.5 6M8.5 9v4M11.5 9v4"
    {...props}
  />
);
export const CopyIcon = (props: IconProps) => (
  <Icon
    path="M8 7h7.5A1.5 1.5 0 0 1 17 8.500V16a1.5 1.5 0 0 1-1.5 1.500H8A1.5 1.5 0 0 1 6.5 16V8.500A1.5 1.5 0 0 1 8 7ZM13.5 7V4A1.5 1.5 0 0 0 12 2.500H4.500A1.5 1.5 0 0 0 3 4v7.500A1.5 1.5 0 0 0 4.5 13h2"
    {...props}
  />
);
export const CheckIcon = (props: IconProps) => <Icon path="m4.5 10.5 3.7 3.7 7.3-8" {...props} />;
export const RetryIcon = (props: IconProps) => (
  <Icon path="M16 10a6 6 0 1 1-1.8-4.300M16 3.500v3.200h-3.2" {...props} />
);
export const DownIcon = (props: IconProps) => <Icon path="M10 4v12m0 0 5-5m-5 5-5-5" {...props} />;
export const ChevronIcon = (props: IconProps) => <Icon path="m6 8 4 4 4-4" {...props} />;
export const CloseIcon = (props: IconProps) => <Icon path="m5 5 10 10M15 5 5 15" {...props} />;
export const ToolIcon = (props: IconProps) => (
  <Icon
    path="M12.2 4a4 4 0 0 1 3.5 5.600L17 11m-5-6.8 2 2-.4 2-2 .4-2-2M9.8 8.600l-6 6a1.5 1.5 0 0 0 2.1 2.100l6-6"
    {...props}
  />
);
export const ShieldIcon = (props: IconProps) => (
  <Icon
    path="M10 3 4.5 5v4.500c0 3.500 2.300 6 5.500 7.500 3.200-1.500 5.500-4 5.500-7.500V5L10 3Zm-2.300 6.800 1.700 1.700 3-3.300"
    {...props}
  />
);
export const ListIcon = (props: IconProps) => (
  <Icon path="m3.5 5.5 1 1 2-2M3.5 11.500l1 1 2-2M9.5 5.500h7M9.5 11.500h7M9.5 16h4" {...props} />
);
export const CalendarIcon = (props: IconProps) => (
  <Icon path="M4 5.5h12v11H4zM4 9h12M7.5 3v4m5-4v4" {...props} />
);
export const ClockIcon = (props: IconProps) => (
  <Icon path="M10 3.500a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM10 6.500V10l2.500 1.500" {...props} />
);
export const ImageIcon = (props: IconProps) => (
  <Icon
    path="M4.5 4h11A1.5 1.5 0 0 1 17 5.500v9a1.5 1.5 0 0 1-1.5 1.500h-11A1.5 1.5 0 0 1 3 14.500v-9A1.5 1.5 0 0 1 4.5 4ZM3.5 14l4-4 3 3 2-2 4 4M13 8h.01"
    {...props}
  />
);
export const AlertIcon = (props: IconProps) => (
  <Icon
    path="M10 7v4M10 13.800h.01M8.7 3.8 2.6 14.200A1.5 1.5 0 0 0 3.9 16.500h12.200a1.5 1.5 0 0 0 1.3-2.300L11.3 3.800a1.5 1.5 0 0 0-2.6 0Z"
    {...props}
  />
);
export const SparkIcon = (props: IconProps) => (
  <Icon
    path="M10 3v3.500M10 13.500V17M3 10h3.500M13.5 10H17M5.3 5.300l2 2M12.7 12.700l2 2M5.3 14.700l2-2M12.7 7.300l2-2"
    {...props}
  />
);
