package nodegraph

// Names of Grafana's palette; a theme has its own shade of each.
const (
	green  = "green"
	red    = "red"
	orange = "orange"
	yellow = "yellow"
	blue   = "blue"
	purple = "purple"
	gray   = "gray"
)

// Colours of edges and rings, where the panel takes no names of the palette.
// They are between light and dark, so that both themes show them.
const (
	hexGreen  = "#2B9A4F"
	hexRed    = "#E0404E"
	hexOrange = "#D9730D"
	hexBlue   = "#4A7FE0"
	hexPurple = "#9660D6"
	hexTeal   = "#1F9090"
	hexGray   = "#848B95"
	// hexFaint is for lines in the background: places say what owns what, too.
	hexFaint = hexGray + "66"
)

// typeColors are for the parts of a ring by type, the most common first.
func typeColors() []string {
	return []string{blue, green, orange, purple, yellow, red, "dark-blue", "dark-green"}
}
