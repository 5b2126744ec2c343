package mapping

import "strings"

// prefixed returns the kernel's constant names from the names that `ip` uses:
// "reachable" becomes "NUD_REACHABLE", as Skydive spells it.
func prefixed(prefix string, names []string) []string {
	for i, n := range names {
		switch {
		case strings.HasPrefix(n, prefix), strings.HasPrefix(n, "0x"):
		case prefix == "NTF_" && n == "extern_learn":
			names[i] = "NTF_EXT_LEARNED"
		case prefix == "NTF_" && n == "offload":
			names[i] = "NTF_OFFLOADED"
		default:
			names[i] = prefix + strings.ToUpper(n)
		}
	}
	return names
}
