package connector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/flow/config"
	"crm-connector/pkg/flow/rules"
)

// session is one run of the command.
type session struct {
	World
	flags Flags

	opened  *Stack
	clients *clients
	clocks  *clocks
	stands  bool                  // it is deployed: what its functions are told holds here too, and what it stores
	setsUp  bool                  // it sets up: secrets that are handed over now, and the settings that a deployment will bring, go before those
	other   map[string]string     // variables that say something else here than in the stack, and which of the two is gone by
	looks   bool                  // it looks and changes nothing, not even the stack's token
	heavy   bool                  // it makes many calls: it draws them from the stack's budget, and leaves live traffic its reserve
	given   map[string]string     // of the secret file
	typed   map[string]crm.Secret // at a prompt
	granted map[string]crm.Secret // by a vendor, in the place of what was handed over
	proven  map[string]string     // what a vendor said of a secret that it took: whose it is
	out     map[string]any        // of --json, printed at the end
	steps   []step
	asIs    []string  // what had nothing to do
	notes   []string  // what is worth knowing
	nexts   []string  // what is left to do
	told    time.Time // when progress was last shown
}

// step is one thing that was done, or would be.
type step struct {
	What string `json:"what"`
	Done bool   `json:"done"` // false: --plan
}

// need says whether a command changes the stack.
type need bool

const (
	toRead   need = false
	toChange need = true
)

// stack opens the stack, once, reads what its functions are told, and stops at one of another version.
func (s *session) stack(ctx context.Context, n need) (*Stack, error) {
	st, err := s.ofVersion(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := st.Told(ctx); err != nil {
		return nil, fmt.Errorf("what the functions are told cannot be read, so nothing was done: %w; let this command ask (lambda:GetFunctionConfiguration)", err)
	}
	return st, nil
}

// ofVersion is stack for a command that needs no setting.
func (s *session) ofVersion(ctx context.Context, n need) (*Stack, error) {
	st, err := s.anyVersion(ctx)
	if err != nil {
		return nil, err
	}
	there, err := st.Version(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s does not say its version: %w", st.Name, err)
	case there == "":
		return nil, wrongf("%s is not there: no %s in the Parameter Store. Deploy it (sam deploy --guided), or correct --stack and the region", st.Name, st.parameter(versionName))
	}
	s.stands = true
	switch {
	case there == s.Version:
		return st, nil
	case s.flags.Force && (n == toRead || s.flags.Plan):
		fmt.Fprintf(s.Stderr, "connector: %s is of version %s, this command of %s: looking only\n", st.Name, there, s.Version)
		return st, nil
	}
	hint := "use the command of that version, or deploy this one"
	if n == toRead {
		hint += "; --force looks all the same"
	}
	return nil, otherVersion{fmt.Sprintf("%s is of version %s, this command of %s: %s", st.Name, there, s.Version, hint)}
}

// anyVersion opens the stack whether it is deployed or not: what is set up before the first deployment needs no more.
func (s *session) anyVersion(ctx context.Context) (*Stack, error) {
	if s.opened != nil {
		return s.opened, nil
	}
	if s.flags.Stack == "" && s.flags.Desk == "" {
		s.flags.Stack, s.flags.Desk = s.Getenv("CONNECTOR_STACK"), s.Getenv("CONNECTOR_DESK")
	}
	if (s.flags.Stack == "") == (s.flags.Desk == "") {
		return nil, wrongf("name the stack: --stack NAME, or --desk URL for the process of make run")
	}
	if err := s.readSecrets(); err != nil { // before anything is done by what else it says
		return nil, err
	}
	if name := s.flags.Connection; name != crm.DefaultConnection { // the functions know no other
		return nil, wrongf("--connection: a stack of this version has the connection %s alone, and no %q", crm.DefaultConnection, name)
	}
	w := s.World
	w.Getenv = func(name string) string { return cmp.Or(s.given[name], s.Getenv(name)) }
	var err error
	s.opened, err = s.Open(ctx, w, Where{Stack: s.flags.Stack, Desk: strings.TrimRight(s.flags.Desk, "/")})
	return s.opened, err
}

// at is how this command was told which stack is meant, for the commands that it recommends.
func (s *session) at() string {
	if s.flags.Desk != "" {
		return "--desk " + s.flags.Desk
	}
	return "--stack " + s.flags.Stack
}

// change does something, or with --plan says that it would.
func (s *session) change(what string, do func() error) error {
	if !s.flags.Plan {
		if err := do(); err != nil {
			return fmt.Errorf("this step failed: %s: %w", what, err)
		}
	}
	s.steps = append(s.steps, step{what, !s.flags.Plan})
	word := "done  "
	if s.flags.Plan {
		word = "plan  "
	}
	s.printf("%s %s\n", word, what)
	return nil
}

// nothing says that a step has nothing to do.
func (s *session) nothing(what string) {
	s.asIs = append(s.asIs, what)
	s.printf("as is  %s\n", what)
}

// note says what is worth knowing.
func (s *session) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
	s.printf("note   "+format+"\n", args...)
}

// next says what is left for the operator to do.
func (s *session) next(format string, args ...any) {
	s.nexts = append(s.nexts, fmt.Sprintf(format, args...))
	s.printf("next   "+format+"\n", args...)
}

// printf prints text for people; with --json nothing.
func (s *session) printf(format string, args ...any) {
	if !s.flags.JSON {
		fmt.Fprintf(s.Stdout, format, args...)
	}
}

// show puts a value under a name into the answer of --json.
func (s *session) show(name string, v any) {
	if s.out == nil {
		s.out = map[string]any{}
	}
	s.out[name] = v
}

// table prints rows with aligned columns; with --json nothing.
func (s *session) table(head []string, rows [][]string) {
	if s.flags.JSON || len(rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(&trimmed{to: s.Stdout}, 0, 0, 2, ' ', 0)
	if head != nil {
		fmt.Fprintln(w, strings.Join(head, "\t"))
	}
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush() // what standard output does not take is lost with it
}

// trimmed cuts the padding off the ends of lines.
type trimmed struct {
	to   io.Writer
	line []byte
}

func (t *trimmed) Write(p []byte) (int, error) {
	for _, c := range p {
		if t.line = append(t.line, c); c != '\n' {
			continue
		}
		if _, err := t.to.Write(append([]byte(strings.TrimRight(string(t.line), " \n")), '\n')); err != nil {
			return 0, err
		}
		t.line = t.line[:0]
	}
	return len(p), nil
}

// progress tells on standard error how far a long command is, every two seconds at most.
func (s *session) progress(format string, args ...any) {
	now := s.Now()
	if s.told.IsZero() {
		s.told = now
	}
	if now.Sub(s.told) < 2*time.Second {
		return
	}
	s.told = now
	fmt.Fprintf(s.Stderr, "… "+format+"\n", args...)
}

// flush prints the answer of --json: one object, whatever it came to.
func (s *session) flush() {
	if !s.flags.JSON {
		return
	}
	if s.steps != nil {
		s.show("steps", s.steps)
	}
	for name, lines := range map[string][]string{"asIs": s.asIs, "notes": s.notes, "next": s.nexts} {
		if lines != nil {
			s.show(name, lines)
		}
	}
	if s.out == nil {
		s.out = map[string]any{} // there was nothing to say
	}
	text, err := json.MarshalIndent(s.out, "", "  ")
	if err != nil {
		fmt.Fprintln(s.Stderr, "connector: the answer cannot be written as JSON")
		return
	}
	fmt.Fprintln(s.Stdout, string(text))
}

// rows are the rows by which the stack is steered.
func (s *session) rows(st *Stack) *config.Rows {
	return &config.Rows{Store: st.Config, Now: s.Now}
}

// book are the rules in force.
func (s *session) book(ctx context.Context, st *Stack) (*rules.Book, error) {
	set, err := s.rules(ctx, st)
	if err != nil {
		return nil, err
	}
	return rules.New(s.rows(st), set, s.Now, slog.New(slog.DiscardHandler)), nil
}

// operation is one that the operator asks for.
func (s *session) operation(id crm.ID, v crm.Verb) crm.Operation {
	return crm.Operation{
		V: crm.OperationVersion, ID: s.NewID(), Connection: s.flags.Connection, Source: id.System, Kind: id.Module.Kind(), Module: id.Module,
		Verb: v, RecordID: id.Key, ReceivedAt: s.Now(), Trace: "connector",
	}
}

// record reads a record that a person typed: a system and an id, the module as a flag.
func record(system, key string, company bool) (crm.ID, error) {
	id := crm.ID{System: crm.System(system), Module: crm.Contacts, Key: key}
	if company {
		id.Module = crm.Companies
	}
	if id.System != crm.HubSpot && id.System != crm.Zoho {
		return id, wrongf("%q is no system: hubspot or zoho", system)
	}
	if !crm.IsKey(key) {
		return id, wrongf("an id of %s has digits only, 20 at most", system)
	}
	if key[0] == '0' { // nothing is stored under such a name
		return id, wrongf("an id of %s does not begin with 0", system)
	}
	return id, nil
}

// many counts things: 1 record, 2 records.
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
