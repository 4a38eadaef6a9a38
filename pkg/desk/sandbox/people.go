package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
)

// people are those who write to the sandbox WhatsApp, played from outside: there is no app on a telephone for it.
type people struct {
	meta   *whatsapptest.Server
	number string // of the business, that they write to

	mu   sync.Mutex
	have map[string]*whatsapptest.Person // by phone
}

// said is one message of a person, or to one.
type said struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Text     string `json:"text"`
	Template string `json:"template,omitempty"`
}

// routes are the Graph API, and beside it the people:
//
//	POST /people/{phone}/messages   {"name": "Anna", "text": "Ciao"}: somebody writes
//	GET  /people/{phone}/messages   what the business has sent him
func (p *people) routes(graph http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /people/{phone}/messages", p.write)
	mux.HandleFunc("GET /people/{phone}/messages", p.received)
	mux.Handle("/", graph)
	return mux
}

func (p *people) write(w http.ResponseWriter, r *http.Request) {
	phone := strings.TrimPrefix(r.PathValue("phone"), "+")
	var s said
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&s)
	if err != nil || s.Text == "" || len(phone) < 5 || len(phone) > 15 || strings.Trim(phone, "0123456789") != "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": `send {"name": "Anna", "text": "Ciao"} to /people/393331234567/messages`})
		return
	}
	id, err := p.meet(phone, s.Name).Say(p.number, s.Text)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"id": id})
}

// meet returns the person with a number, who is new when nobody had it.
func (p *people) meet(phone, name string) *whatsapptest.Person {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.have == nil {
		p.have = map[string]*whatsapptest.Person{}
	}
	if p.have[phone] == nil {
		p.have[phone] = p.meta.Meet(name, phone)
	}
	return p.have[phone]
}

func (p *people) received(w http.ResponseWriter, r *http.Request) {
	phone := strings.TrimPrefix(r.PathValue("phone"), "+")
	out := []said{}
	for _, m := range p.meta.SentMessages() {
		if m.To != nil && m.To.Phone == phone {
			out = append(out, said{ID: m.ID, Text: m.Text, Template: m.Template})
		}
	}
	answer(w, http.StatusOK, out)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // nobody is told that nobody listens
}
