import { hydrateRoot } from "react-dom/client";
import { Portrait } from "./rendered";

hydrateRoot(document.getElementById("root")!, <Portrait onstate={(state) => (document.title += ` ${state}`)} />);
