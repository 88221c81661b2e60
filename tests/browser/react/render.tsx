/** Pages that are rendered where there is no DOM. */
import "livehead";
import type {} from "livehead/react";
import { renderToString } from "react-dom/server";
import { Portrait } from "./rendered";

console.log(renderToString(<live-head src="https://head.example/" voice="off" seed={7} controls token={() => "x"} />));
console.log(renderToString(<Portrait onstate={() => {}} />));
