package invoke

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// What differs from run to run in what is written about a conversation: when it was, and the marks by which it is found again.
var (
	moments = regexp.MustCompile(`\d\d/\d\d/\d{4} \d\d:\d\d`)
	marks   = regexp.MustCompile(`\[(wamid\.[^\]]+|[0-9a-f]{16})\]`)
)

// What differs from run to run in an answer: instants of the run itself, and how old what it tells is.
var (
	instants  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`)
	freshness = regexp.MustCompile(`(freschezza_s\\":)\d+`)
)

// steadyAnswer returns an answer without what differs from run to run: instants of the day of the run say so.
func (w *World) steadyAnswer(answer []byte) []byte {
	answer = instants.ReplaceAllFunc(answer, func(text []byte) []byte {
		if at, err := time.Parse(time.RFC3339Nano, string(text)); err == nil && w.now.Sub(at).Abs() < 24*time.Hour {
			return []byte("<now>")
		}
		return text
	})
	return freshness.ReplaceAll(answer, []byte("${1}0"))
}

func steady(text string) string {
	return marks.ReplaceAllString(moments.ReplaceAllString(text, "<time>"), "[mark]")
}

// logged returns what people see of conversations on the contacts of both CRMs: notes with the names of their files, communications.
func (w *World) logged() map[string][]string {
	out, on := map[string][]string{}, map[string]string{}
	for _, n := range w.Zoho.Notes() {
		place := string(crm.Zoho) + "/contact/" + n.Parent
		on[n.ID] = place
		out[place] = append(out[place], steady(n.Values["Note_Content"]))
	}
	for _, a := range w.Zoho.Attachments() {
		place := on[a.Parent]
		out[place] = append(out[place], "file: "+a.Values["File_Name"])
	}
	for _, c := range w.HubSpot.Communications() {
		place := string(crm.HubSpot) + "/contact/" + c.Contact
		out[place] = append(out[place], steady(c.Properties["hs_communication_body"]))
	}
	return out
}

// tasks returns what people are asked to do.
func (w *World) tasks() map[string][]string {
	out := map[string][]string{}
	add := func(place string, parts ...string) {
		out[place] = append(out[place], steady(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")))
	}
	for _, t := range w.Zoho.Tasks() {
		add(string(crm.Zoho)+"/contact/"+t.Parent, t.Values["Subject"], t.Values["Description"])
	}
	for _, t := range w.HubSpot.Tasks() {
		add(string(crm.HubSpot)+"/contact/"+t.Contact, t.Properties["hs_task_subject"], t.Properties["hs_task_body"])
	}
	return out
}

// sent returns what WhatsApp has taken from the business.
func (w *World) sent() (out []string) {
	for _, m := range w.WhatsApp.SentMessages() {
		to := "nobody"
		if m.To != nil {
			to = m.To.Phone
		}
		what := m.Text
		if m.Template != "" {
			what = m.Template + " (" + strings.Join(m.Parameters, ", ") + ")"
		}
		out = append(out, to+": "+what)
	}
	return out
}
