package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions"
)

// The callers of this stack: one sender, whose tokens one issuer signs.
const (
	issuer  = "https://issuer.example"
	subject = "negozio"
	client  = "CLIENTE-ROMA-424242"
)

// callers makes the key of tokens, and a token of a sender.
func callers(ctx context.Context, s *stage) (string, error) {
	if _, err := s.does(ctx, nil, "token"); err != nil {
		return "", err
	}
	a, err := s.does(ctx, nil, "token", "--subject", subject, "--scope", "conversioni:scrivi,metriche:leggi,costi:scrivi,ingressi:scrivi,messaggi:invia")
	if err != nil {
		return "", err
	}
	if err := a.read("token", &s.bearer); err != nil {
		return "", err
	}
	s.people = append(s.people, client)
	// A key that was missing is looked for again after 15 seconds, by each function that proves tokens.
	err = until(ctx, soon, func(ctx context.Context) error {
		return errors.Join(
			s.asks(ctx, http.MethodGet, conversions.MetricsPath+"?"+window(s.Now()), "", http.StatusOK, nil),
			s.asks(ctx, http.MethodPost, conversions.EventsPath, "{}", http.StatusUnprocessableEntity, nil),
			s.asks(ctx, http.MethodPost, conversions.MessagesPath, "{}", http.StatusUnprocessableEntity, nil),
		)
	})
	return "a token", err
}

// window is a query of the five minutes of an instant.
func window(at time.Time) string {
	from := at.UTC().Truncate(5 * time.Minute)
	return url.Values{"da": {from.Format(time.RFC3339)}, "a": {from.Add(5 * time.Minute).Format(time.RFC3339)}, "passo": {"5m"}, "canale": {"webform"}}.Encode()
}

// told is what is read of a row of metrics.
type told struct {
	State       string             `json:"stato"`
	Unique      int64              `json:"unici"`
	Duplicates  int64              `json:"duplicati"`
	Conversions int64              `json:"conversioni"`
	Value       map[string]string  `json:"valore_totale"`
	CPA         map[string]*string `json:"cpa"`
	Rate        *float64           `json:"tasso_conversione"`
}

// row asks for the metrics of the five minutes of an instant.
func (s *stage) row(ctx context.Context, at time.Time) (told, error) {
	var answer struct {
		Rows []told `json:"righe"`
	}
	err := s.asks(ctx, http.MethodGet, conversions.MetricsPath+"?"+window(at), "", http.StatusOK, &answer)
	if err == nil && len(answer.Rows) != 1 {
		err = fmt.Errorf("%d rows, want 1", len(answer.Rows))
	}
	if err != nil {
		return told{}, err
	}
	return answer.Rows[0], nil
}

// event is the event of a purchase.
func (s *stage) event(id string, at time.Time) string {
	text, _ := json.Marshal(map[string]any{ // texts and a number
		"id_evento": id, "id_cliente": client, "evento": "acquisto_concluso", "timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"),
		"valore": 19.99, "canale": "webform", "stato": "completato",
	})
	return string(text)
}

// conversion sends an event, and sends it again.
func conversion(ctx context.Context, s *stage) (string, error) {
	began := s.Now()
	at := began.Add(-time.Second)
	send := func() error {
		return s.asks(ctx, http.MethodPost, conversions.EventsPath, s.event("rehearsal-0001", at), http.StatusAccepted, nil)
	}
	shows := func(duplicates int64) error {
		return until(ctx, soon, func(ctx context.Context) error {
			r, err := s.row(ctx, at)
			if err == nil && (r.Conversions != 1 || r.Unique != 1 || r.Duplicates != duplicates || r.Value["EUR"] != "19.99") {
				err = fmt.Errorf("the metrics say %+v", r)
			}
			return err
		})
	}
	if err := errors.Join(send(), shows(0)); err != nil {
		return "", err
	}
	took := s.Now().Sub(began)
	return fmt.Sprintf("seen after %s; sent again: a repeat", seconds(took)), errors.Join(send(), shows(1), s.quiet(ctx))
}

// refusals sends what is not accepted.
func refusals(ctx context.Context, s *stage) (string, error) {
	var problem struct {
		Errors []struct {
			Path string `json:"percorso"`
		} `json:"errori"`
	}
	wrong := strings.Replace(s.event("rehearsal-0002", s.Now()), `"valore":19.99`, `"valore":1.005`, 1)
	if err := s.asks(ctx, http.MethodPost, conversions.EventsPath, wrong, http.StatusUnprocessableEntity, &problem); err != nil {
		return "", err
	}
	if len(problem.Errors) != 1 || problem.Errors[0].Path != "/valore" {
		return "", fmt.Errorf("the third decimal is blamed on %+v", problem.Errors)
	}
	good := s.bearer
	defer func() { s.bearer = good }()
	s.bearer = good[:len(good)-4] + "AAAA"
	if err := s.asks(ctx, http.MethodPost, conversions.EventsPath, s.event("rehearsal-0003", s.Now()), http.StatusUnauthorized, nil); err != nil {
		return "", err
	}
	a, err := s.does(ctx, nil, "token", "--subject", subject, "--scope", "metriche:leggi")
	if err == nil {
		err = a.read("token", &s.bearer)
	}
	if err != nil {
		return "", err
	}
	if err := s.asks(ctx, http.MethodPost, conversions.EventsPath, strings.Repeat(" ", 65<<10), http.StatusRequestEntityTooLarge, nil); err != nil {
		return "", err
	}
	return "422 with /valore; 401; 413; 403", s.asks(ctx, http.MethodPost, conversions.EventsPath, s.event("rehearsal-0004", s.Now()), http.StatusForbidden, nil)
}

// dayOf is the day of a moment in the stack's ReportZone, which is the template's own.
func dayOf(at time.Time) (string, error) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		return "", err
	}
	return at.In(rome).Format(time.DateOnly), nil
}

// rates tells what a day has cost and who came in, of the hour before.
func rates(ctx context.Context, s *stage) (string, error) {
	at := s.Now().Add(-time.Hour)
	day, err := dayOf(at)
	if err != nil {
		return "", err
	}
	err = errors.Join(
		s.asks(ctx, http.MethodPost, conversions.EventsPath, s.event("rehearsal-0005", at), http.StatusAccepted, nil),
		s.asks(ctx, http.MethodPut, conversions.CostsPath+day+"/webform", `{"costi":{"EUR":"288.00"}}`, http.StatusOK, nil),
		s.asks(ctx, http.MethodPost, conversions.EntriesPath, fmt.Sprintf(`{"id_ingresso":"rehearsal-visits","canale":"webform","timestamp":%q,"visite":4}`, at.UTC().Format(time.RFC3339)), http.StatusAccepted, nil),
	)
	if err != nil {
		return "", err
	}
	seen := ""
	err = until(ctx, soon, func(ctx context.Context) error {
		r, err := s.row(ctx, at)
		if err != nil {
			return err
		}
		if r.Conversions != 1 || r.Rate == nil || *r.Rate != 0.25 || r.CPA["EUR"] == nil {
			return fmt.Errorf("the metrics say %+v", r)
		}
		seen = fmt.Sprintf("one of four visits; %s EUR for it", *r.CPA["EUR"])
		return nil
	})
	return seen, err
}

// reported lets conversionClock publish the window of the hour before, and report on the day before.
func reported(ctx context.Context, s *stage) (string, error) {
	yesterday := s.Now().Add(-24 * time.Hour)
	day, err := dayOf(yesterday)
	if err != nil {
		return "", err
	}
	if err := s.asks(ctx, http.MethodPost, conversions.EventsPath, s.event("rehearsal-0006", yesterday), http.StatusAccepted, nil); err != nil {
		return "", err
	}
	err = until(ctx, soon, func(ctx context.Context) error {
		r, err := s.row(ctx, yesterday)
		if err == nil && r.Conversions != 1 {
			err = fmt.Errorf("the metrics say %+v", r)
		}
		return err
	})
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	before, err := s.emulator.Mails(ctx)
	if err != nil {
		return "", err
	}
	for _, event := range []map[string]string{{"action": "tick"}, {"action": "report"}, {"action": "tick"}} {
		if _, err := s.cloud.invoke(ctx, "conversionClock", event); err != nil {
			return "", err
		}
	}
	r, err := s.row(ctx, s.Now().Add(-time.Hour))
	if err == nil && r.State != "definitiva" {
		err = fmt.Errorf("the window of an hour ago is %s", r.State)
	}
	if err != nil {
		return "", err
	}
	subject := ""
	err = until(ctx, 6*time.Minute, func(ctx context.Context) error {
		mails, err := s.emulator.Mails(ctx)
		if err != nil {
			return err
		}
		for _, m := range mails[len(before):] {
			if !strings.Contains(m.Text, day) {
				continue
			}
			if person := s.holds(m.Text + m.HTML); person != "" {
				return fmt.Errorf("the mail holds a person's data: %s", person)
			}
			subject = m.Subject
			return nil
		}
		return fmt.Errorf("%d mails since, none about %s", len(mails)-len(before), day)
	})
	return fmt.Sprintf("mail %q", subject), err
}
