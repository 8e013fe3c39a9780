// The page of reports has a list of keys, as the others do.

import { helpWithKeys, keys } from "./keys.js";

keys({ "?": helpWithKeys() });
