// The page of reports: its list of keys, as on the other pages.

import { helpWithKeys, keys } from "./keys.js";

keys({ "?": helpWithKeys() });
