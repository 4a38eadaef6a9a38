package digest

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func zoho(m crm.Module, key string) crm.ID { return crm.ID{System: crm.Zoho, Module: m, Key: key} }

func message(key string) crm.ID { return crm.ID{System: crm.WhatsApp, Module: crm.Contacts, Key: key} }

// sample is a report as a client may get it, with one row that wants to do harm.
func sample() []fault.Parked {
	return []fault.Parked{
		{
			Verb: crm.Update, Kind: crm.Contact, Record: contact("105201"), Target: crm.Zoho,
			TargetID: zoho(crm.Contacts, "4876876000000333013"), Field: "role", Property: "Job_Title", Class: fault.Refused,
			Code: "INVALID_DATA", Message: "invalid data: expected data type text", Hint: fault.HintFormat, Count: 3, First: noon,
		},
		{
			Verb: crm.Create, Kind: crm.Contact, Record: contact("105377"), Target: crm.Zoho,
			Other: zoho(crm.Leads, "4876876000000419002"), Class: fault.Refused, Hint: fault.HintLead, Count: 1,
			First: noon.Add(-50 * time.Hour),
		},
		{
			Verb: crm.Update, Kind: crm.Contact, Record: contact("105378"), Target: crm.Zoho, TargetID: zoho(crm.Contacts, "4876876000000333014"),
			Class: fault.Refused, Code: fault.CauseDeleted, Message: "deleted in Zoho on 2026-11-02", Hint: fault.HintDeleted,
			GoneAt: noon.Add(-26 * time.Hour), Count: 1, First: noon,
		},
		{
			Verb: crm.Update, Kind: crm.Company, Record: zoho(crm.Companies, "4876876000000555001"), Target: crm.HubSpot,
			TargetID: crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "88012"}, Field: "industry", Property: "industry",
			Class: fault.Refused, Code: "INVALID_OPTION", Message: "[…] was not one of the allowed options", Hint: fault.HintPicklist,
			Count: 1, First: noon.Add(time.Hour),
		},
		{
			Verb: crm.Update, Kind: crm.Contact, Record: contact("9\r\nBcc: x@example.com"), Target: crm.Zoho, Field: "<b>x</b>",
			Class: fault.Conflict, Code: "\x1b[31m", Message: "<script>alert(1)</script>\r\nSubject: \u202Egpj.exe\u0000 =cmd()",
			Hint: fault.HintDuplicate, Other: contact("javascript:1"), Count: 2, First: noon,
		},
		{
			Verb: crm.Update, Kind: crm.Contact, Record: crm.ID{System: crm.HubSpot, Module: crm.Contacts}, Target: crm.HubSpot,
			Field: "job_title", Property: "jobtitle", Class: fault.Refused, Code: fault.CauseUnreadable,
			Message: "the property is missing from what the system shows", Hint: fault.HintProperty, Count: 240, First: noon,
		},
		{
			Verb: crm.Update, Kind: crm.Company, Record: crm.ID{System: crm.HubSpot, Module: crm.Companies, Key: "88012"}, Target: crm.Zoho,
			TargetID: zoho(crm.Companies, "4876876000000555001"), Field: "industry", Property: "Industry", Class: fault.Refused,
			Code: fault.CauseUntranslatable, Message: "hubspot.industry: no option of the mapping has this value", Hint: fault.HintUnmapped,
			Count: 1, First: noon.Add(2 * time.Hour),
		},
		{Class: fault.Ours, Code: "unreadable", Hint: fault.HintUnprocessed, Count: 1, First: noon},
		{
			ID: "brake-3", Field: "phone", Class: fault.Setup, Code: fault.CauseCleared, Message: "field phone was cleared 21 times in 10m0s",
			Hint: fault.HintBrake, Count: 21, First: noon.Add(3 * time.Hour),
		},
		{
			ID: "brake-5", Class: fault.Setup, Code: fault.CauseOverwritten, Message: "2001 records were overwritten in an hour",
			Hint: fault.HintBrake, Count: 2001, First: noon.Add(4 * time.Hour),
		},
		{
			Verb: crm.Send, Kind: crm.Contact, Record: message("01"), Target: crm.WhatsApp, TargetID: zoho(crm.Contacts, "4876876000000333013"),
			Class: fault.Refused, Code: "132001", Message: "the template does not exist in this language or is not approved: Template […] was not found",
			Hint: fault.HintTemplate, Count: 1, First: noon.Add(5 * time.Hour),
		},
		{
			Verb: crm.Message, Kind: crm.Contact, Record: message("02"), Target: crm.Zoho, Other: zoho(crm.Contacts, "7001"),
			More:  []crm.ID{zoho(crm.Contacts, "7002"), zoho(crm.Contacts, "7003")},
			Class: fault.Refused, Code: fault.CauseTwin, Message: "the person may be any of these contacts: 7001, 7002, 7003", Hint: fault.HintWhose,
			Count: 1, First: noon.Add(6 * time.Hour),
		},
		{
			Verb: crm.Message, Kind: crm.Contact, Record: message("03"), Target: crm.Zoho, TargetID: zoho(crm.Contacts, "7001"),
			Other: zoho(crm.Contacts, "7004"), Class: fault.Refused, Code: fault.CauseTwin, Hint: fault.HintMergeTwins, Count: 1, First: noon.Add(7 * time.Hour),
		},
	}
}

func links(id crm.ID) string {
	switch {
	case strings.HasPrefix(id.Key, "javascript"):
		return "javascript:alert(1)"
	case id.System == crm.HubSpot:
		return "https://app.hubspot.com/contacts/1234/record/0-1/" + id.Key
	}
	return "https://crm.zoho.eu/crm/org1/tab/" + string(id.Module) + "/" + id.Key
}

func TestTheMailReadsWell(t *testing.T) {
	b := newBench()
	b.Links = links
	b.Zone = time.FixedZone("CET", 3600)
	for _, language := range []string{"it", "en"} {
		again, left := language == "it", map[string]int{"it": 0, "en": 12}[language]
		m, err := b.compose(languages()[language], "d-20261103-1", sample(), again, left)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "report."+language+".txt", m.Subject+"\n\n"+m.Text)
		golden(t, "report."+language+".html", m.HTML)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

// constants are the values of the string constants of a package whose name begins with the prefix, as its source has them: one
// that is added there is found here.
func constants(t *testing.T, folder, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "core", folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
				return true
			}
			if l, ok := spec.Values[0].(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
			return true
		})
	}
	return out
}

func TestEveryHintOperationAndClassHasASentenceInEveryLanguage(t *testing.T) {
	hints, causes := constants(t, "fault", "Hint"), constants(t, "fault", "Cause")
	causes = append(causes, windowClosed, optedOut, untranslatable(fault.HintFormat), untranslatable(fault.HintTooLong),
		untranslatable(fault.HintMissing), untranslatable(fault.HintReadOnly), untranslatable(fault.HintCurrency))
	if !slices.Contains(hints, string(fault.HintUnmapped)) || !slices.Contains(causes, fault.CauseTwin) {
		t.Fatalf("the source was not read: hints %v, causes %v", hints, causes)
	}
	verbs := []crm.Verb{
		crm.Create, crm.Update, crm.Associate, crm.Delete, crm.Restore, crm.Merge, crm.Erase, crm.Message, crm.Status, crm.Send, crm.Replay,
	}
	placeholder := regexp.MustCompile(`\{[^}]*\}`)
	sound := func(language, what, s string) {
		t.Helper()
		for _, p := range placeholder.FindAllString(s, -1) {
			if !slices.Contains([]string{"{source}", "{target}", "{count}", "{on}"}, p) {
				t.Errorf("%s, %s: unknown placeholder %s", language, what, p)
			}
		}
		if s == "" || s != clean(s) {
			t.Errorf("%s, %s: %q", language, what, s)
		}
	}
	for language, w := range languages() {
		if w.Language != language || len(w.Hints) != len(hints) || len(w.Operations) != len(verbs) || len(w.Causes) != len(causes) {
			t.Errorf("%s: %d hints, want %d; %d verbs, want %d; %d causes, want %d", language, len(w.Hints), len(hints),
				len(w.Operations), len(verbs), len(w.Causes), len(causes))
		}
		for _, h := range hints {
			sound(language, "hint "+h, w.Hints[fault.Hint(h)])
		}
		for _, v := range verbs {
			sound(language, string(v), w.Operations[v][crm.Contact])
			sound(language, string(v), w.Operations[v][crm.Company])
		}
		sound(language, "unread", w.Unread)
		sound(language, "brake", w.Brake)
		sound(language, "drift", w.Drift[crm.Contact])
		sound(language, "drift", w.Drift[crm.Company])
		for _, c := range causes {
			sound(language, c, w.Causes[c])
		}
		for k := fault.Unknown; k <= fault.Ours; k++ {
			sound(language, k.String(), w.Classes[k])
		}
	}
}

func TestWhatIsNotKnownHasWordsToo(t *testing.T) {
	b := newBench()
	b.Links = links
	for language, w := range languages() {
		unknown := crm.ID{System: "pipedrive", Module: "deal", Key: "7"}
		it := b.item(w, fault.Parked{Record: unknown, Target: crm.WhatsApp, Kind: "deal", Verb: "later", Hint: "later", Class: 99, First: noon})
		for _, s := range []string{it.Operation, it.Error, it.Todo, it.When, it.Records[0].Text} {
			if s == "" || strings.Contains(s, "{") {
				t.Errorf("%s: %+v", language, it)
			}
		}
	}
}

func TestAddressesThatAreNotOfTheWebAreNotLinked(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"https://app.hubspot.com/contacts/1/record/0-1/7", "https://app.hubspot.com/contacts/1/record/0-1/7"},
		{"http://127.0.0.1:8181/x?a=b&c=d", "http://127.0.0.1:8181/x?a=b&c=d"},
		{"", ""},
		{"javascript:alert(1)", ""},
		{"data:text/html,x", ""},
		{"//evil.example/x", ""},
		{"https:", ""},
		{"https://x.example/\r\nBcc: y", ""},
		{"https://x.example/\u202Egpj", ""},
		{"ftp://x.example/", ""},
	} {
		if got := web(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestLongMessagesAreCutBetweenCharacters(t *testing.T) {
	b := newBench()
	p := parked("7", "phone")
	p.Message = strings.Repeat("è", maxMessage+1)
	b.open(t, p)
	if got := b.list(t)[0].Message; got != strings.Repeat("è", maxMessage)+"…" {
		t.Errorf("stored %d bytes", len(got))
	}
	if got := b.item(english(), b.list(t)[0]).Error; got != strings.Repeat("è", shown)+"…" {
		t.Errorf("shown %d bytes", len(got))
	}
}

var tag = regexp.MustCompile(`</?[a-z]+`)

// FuzzCompose puts foreign text wherever foreign text can stand. The mail keeps its shape: the same tags, the same lines, no
// character that steers a screen, a constant subject.
func FuzzCompose(f *testing.F) {
	f.Add("<script>alert(1)</script>", "7", "phone")
	f.Add("a\r\nSubject: b", "\u202E7\u0000", "{{.}}")
	f.Add("\xff\xfe", "\u2028", "'\"&<>")
	f.Add("{source}%d{target}", "%s", "{{define `x`}}")
	f.Fuzz(func(t *testing.T, message, key, field string) {
		b := newBench()
		b.Links = func(crm.ID) string { return message }
		of := func(message, key, field string) fault.Parked {
			key = "k" + key // without a key there is no record to tell
			return fault.Parked{Record: contact(key), Other: contact(key), Message: message, Code: message, Field: crm.Field(field), First: noon}
		}
		got, err := b.compose(english(), "d-1", []fault.Parked{of(message, key, field)}, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		b.Links = nil
		if web(message) != "" {
			b.Links = func(crm.ID) string { return "https://example.com" }
		}
		code := ""
		if clean(message) != "" {
			code = "x"
		}
		plain, err := b.compose(english(), "d-1", []fault.Parked{of(code, "x", "x")}, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got.Subject != plain.Subject {
			t.Errorf("subject %q", got.Subject)
		}
		if g, w := strings.Count(got.Text, "\n"), strings.Count(plain.Text, "\n"); g != w {
			t.Errorf("%d lines, want %d", g, w)
		}
		if g, w := fmt.Sprint(tag.FindAllString(got.HTML, -1)), fmt.Sprint(tag.FindAllString(plain.HTML, -1)); g != w {
			t.Errorf("tags %s\nwant %s", g, w)
		}
		for _, r := range got.Text + got.HTML {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("the mail holds %U", r)
			}
		}
	})
}

func TestTheMailSaysWhatIsWrongWithAValueAndWhereTheOperationWent(t *testing.T) {
	b := newBench()
	for name, tt := range map[string]struct {
		row  fault.Parked
		want string
	}{
		"a wrong format": {fault.Parked{Record: contact("1"), Target: crm.Zoho, Code: fault.CauseUntranslatable, Hint: fault.HintFormat}, "The value is not in the required format."},
		"a number that is too large": {fault.Parked{Record: contact("1"), Target: crm.Zoho, Code: fault.CauseUntranslatable, Hint: fault.HintTooLong},
			"The value is longer, or larger, than Zoho CRM takes."},
		"an option that is not mapped": {fault.Parked{Record: contact("1"), Target: crm.Zoho, Code: fault.CauseUntranslatable, Hint: fault.HintUnmapped},
			"The value has no counterpart in Zoho CRM."},
		"several in the system that the event came from": {fault.Parked{Record: zoho(crm.Contacts, "2"), Target: crm.Zoho, Code: fault.CauseTwin, Hint: fault.HintDuplicate},
			"Contact update, from Zoho CRM to HubSpot"},
		"two that one system merged and the other did not": {fault.Parked{Source: crm.Zoho, Record: contact("1"), TargetID: contact("1"), Other: contact("2"), Target: crm.HubSpot,
			Code: fault.CauseMerged, Hint: fault.HintMergeTwins}, "The records were merged in Zoho CRM and not in HubSpot."},
		"what is to be erased, whatever told of it": {fault.Parked{Record: contact("1"), TargetID: zoho(crm.Contacts, "2"), Target: crm.Zoho, Code: fault.CauseErased, Hint: fault.HintErase},
			"Erasure of a person's data in HubSpot"},
		"an edit of a text's beginning": {fault.Parked{Source: crm.Zoho, Record: zoho(crm.Contacts, "2"), TargetID: contact("1"), Target: crm.HubSpot, Field: "job_title", Code: fault.CauseCut, Hint: fault.HintCut},
			"Zoho CRM holds only the beginning of the text of HubSpot, and it was edited there."},
		"a refusal of the system that the event came from": {fault.Parked{Source: crm.Zoho, Record: zoho(crm.Contacts, "2"), Target: crm.Zoho, Class: fault.Locked, Hint: fault.HintLocked},
			"The record is locked in Zoho CRM."},
	} {
		tt.row.Verb, tt.row.Kind, tt.row.Class, tt.row.First, tt.row.Count = crm.Update, crm.Contact, max(tt.row.Class, fault.Refused), noon, 1
		m, err := b.compose(english(), "d-1", []fault.Parked{tt.row}, false, 0)
		if err != nil || !strings.Contains(m.Text, tt.want) {
			t.Errorf("%s: %v, %q is not in\n%s", name, err, tt.want, m.Text)
		}
	}
}
