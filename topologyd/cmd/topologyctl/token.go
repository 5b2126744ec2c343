package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/authfile"
	"github.com/skein-net/skein/topologyd/confile"
)

const tokenHelp = `Make tokens, and check the file of --auth-file that says who may do what. Nothing
is asked of a server. docs/security.md has the form of the file.`

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Make tokens, and check the file that says who may do what", Long: tokenHelp,
		Example: `  topologyctl token new --name grafana --role viewer
  topologyctl token new --name web-1 --role host --host 3f0e1ab2 --expires 90d --out web-1.token >> auth.yaml
  topologyctl token hash < web-1.token
  topologyctl token check auth.yaml`,
		Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tokenNewCommand(), a.tokenHashCommand(), a.tokenCheckCommand())
	return cmd
}

func (a *app) tokenNewCommand() *cobra.Command {
	var (
		row             authfile.TokenRow
		roles           []string
		expires, output string
	)
	cmd := &cobra.Command{
		Use: "new", Short: "Make a token, and the lines of the file for it", Args: noArgs,
		Long: `Make a token of 256 random bits. It is printed once, or written into a new file
that only its owner can read; after it come the lines for the file of --auth-file,
which hold its hash.`,
		RunE: func(*cobra.Command, []string) (err error) {
			for _, r := range roles {
				row.Roles = append(row.Roles, auth.Role(r))
			}
			if row.Expires, err = parseExpiry(expires, time.Now()); err != nil {
				return usageError{err}
			}
			return a.newToken(row, output)
		},
	}
	f := cmd.Flags()
	f.StringVar(&row.Name, "name", "", "`name` by which the audit record calls whoever has it")
	f.StringSliceVar(&roles, "role", nil, "`roles`: viewer, operator, host, admin")
	f.StringSliceVar(&row.Hosts, "host", nil, "`IDs` of the hosts (host.id) that the role host speaks for")
	f.BoolVar(&row.Packets, "packets", false, "grant the content of packets besides")
	f.StringVar(&expires, "expires", "", "`time` at which it ends, for example 90d or 2027-01-01 (default never)")
	f.StringVar(&output, "out", "", "new `file` to write the token into instead of printing it")
	return cmd
}

// parseExpiry reads a time, or how far away it is.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), future(t, now)
		}
	}
	d, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		if n > 100*366 {
			err = errors.New("too far")
		}
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("--expires %q is no time; give for example 90d, 12h or 2027-01-01", s)
	}
	t := now.Add(d).UTC().Truncate(time.Second)
	return t, future(t, now)
}

func future(t, now time.Time) error {
	if !t.After(now) {
		return fmt.Errorf("--expires: %s is in the past", t.UTC().Format(time.RFC3339))
	}
	return nil
}

func (a *app) newToken(row authfile.TokenRow, output string) error {
	token := authfile.NewToken()
	row.SHA256 = authfile.Hash(token)
	lines, err := tokenLines(&row)
	if err != nil {
		return usageError{err}
	}
	if output == "" {
		_, err := fmt.Fprintf(a.env.Stdout, "%s\n\n# Below tokens in the file of --auth-file:\n%s", token, lines)
		return err
	}
	f, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	// Without a line break: Telegraf sends what is in the file, and a header has none.
	_, err = fmt.Fprint(f, token)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	_, err = a.env.Stdout.Write(lines)
	return err
}

// tokenLines are the lines of a row as they stand below tokens.
func tokenLines(row *authfile.TokenRow) ([]byte, error) {
	var b bytes.Buffer
	line := func(indent, field string, value any) error {
		var v yaml.Node
		if err := v.Encode(value); err != nil {
			return fmt.Errorf("write %s: %w", field, err)
		}
		if v.Kind == yaml.SequenceNode {
			v.Style = yaml.FlowStyle
		}
		text, err := yaml.Marshal(map[string]*yaml.Node{field: &v})
		if err != nil {
			return fmt.Errorf("write %s: %w", field, err)
		}
		b.WriteString(indent)
		b.Write(text)
		return nil
	}
	errs := []error{line("  - ", "name", row.Name), line("    ", "sha256", row.SHA256), line("    ", "roles", row.Roles)}
	if row.Packets {
		errs = append(errs, line("    ", "packets", true))
	}
	if len(row.Hosts) > 0 {
		errs = append(errs, line("    ", "hosts", row.Hosts))
	}
	if !row.Expires.IsZero() {
		errs = append(errs, line("    ", "expires", row.Expires))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if _, err := authfile.Parse(append([]byte("tokens:\n"), b.Bytes()...)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (a *app) tokenHashCommand() *cobra.Command {
	return &cobra.Command{
		Use: "hash", Short: "Print the hash of a token that is read from standard input", Args: noArgs,
		Long: `Print the SHA-256 of a token, for the field sha256 of the file of --auth-file. The
token is read from standard input, since others see the arguments of a command.`,
		RunE: func(*cobra.Command, []string) error {
			b, err := io.ReadAll(io.LimitReader(a.env.Stdin, authfile.MaxToken+3))
			if err != nil {
				return fmt.Errorf("read token: %w", err)
			}
			token := strings.TrimRight(string(b), "\r\n")
			if err := authfile.CheckToken(token); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.env.Stdout, authfile.Hash(token))
			return err
		},
	}
}

func (a *app) tokenCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Tell who may do what by a file, and what is wrong with it",
		Long: `Read a file as --auth-file does, and print who may do what by it. What is wrong with
it is an error.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("give the path of one file")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := confile.ReadFile(args[0], authfile.MaxBytes)
			if err != nil {
				return fmt.Errorf("read %s: %w", args[0], err)
			}
			f, err := authfile.Parse(b)
			if err != nil {
				return fmt.Errorf("read %s: %w", args[0], err)
			}
			var out bytes.Buffer
			appendAuth(&out, f, time.Now())
			_, err = a.env.Stdout.Write(out.Bytes())
			return err
		},
	}
}

// appendAuth lists who may do what.
func appendAuth(w *bytes.Buffer, f *authfile.File, now time.Time) {
	tb := table{header: []string{"NAME", "BY", "ROLES", "PACKETS", "HOSTS", "EXPIRES"}}
	words := func(roles []auth.Role) string {
		out := make([]string, len(roles))
		for i, r := range roles {
			out[i] = string(r)
		}
		return strings.Join(out, ",")
	}
	row := func(name, by string, g authfile.Grant, hosts, expires string) {
		tb.add(name, by, words(g.Roles), strconv.FormatBool(g.Packets), cmp.Or(strings.Join(g.Hosts, ","), hosts), expires)
	}
	for i := range f.Tokens {
		t := &f.Tokens[i]
		expires := ""
		if !t.Expires.IsZero() {
			expires = t.Expires.UTC().Format(time.RFC3339)
			if !t.Expires.After(now) {
				expires += " (expired)"
			}
		}
		row(t.Name, "token", t.Grant, "", expires)
	}
	for i := range f.Certificates {
		c := &f.Certificates[i]
		by, hosts := authfile.CommonName+" "+c.CommonName, ""
		switch {
		case c.DNS != "":
			by = authfile.DNS + " " + c.DNS
		case c.URI != "":
			by = authfile.URI + " " + c.URI
		}
		if c.HostsFrom != "" {
			hosts = "by " + c.HostsFrom
		}
		row(c.Name, by, c.Grant, hosts, "")
	}
	tb.write(w)
	if o := f.OIDC; o != nil {
		fmt.Fprintf(w, "JWTs of %s for %s, by %s and %s\n", printable(o.Issuer, false), printable(o.Audience, false), printable(o.NameClaim, false), printable(o.RolesClaim, false))
	}
}
