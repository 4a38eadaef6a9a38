package hubspot

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// activity is a kind of record that hangs on a contact. Only the two that a conversation leaves behind are written.
type activity struct {
	plural    string
	toContact int    // association type. HubSpot docs: Associations, "Association type ID values"
	text      string // the property that is looked through for a mark
}

var (
	communications = activity{"communications", 81, "hs_communication_body"}
	tasks          = activity{"tasks", 204, "hs_task_body"}
)

// maxLinkPages bounds how far activities are looked through, 500 a page (HubSpot docs: Associations, "Retrieve associated
// records").
const maxLinkPages = 100

// Log writes a WhatsApp message onto a contact: a communication, which sends nothing and is seen in the timeline, made
// together with its association. The text is plain. It returns the communication's id; fault.Missing says that there is no
// such contact. Nothing is repeated here (https://developers.hubspot.com/docs/api-reference/latest/crm/objects/communications/guide).
func (c *Client) Log(ctx context.Context, contact string, text crm.Value, at time.Time) (string, error) {
	return c.addActivity(ctx, "hubspot.Log", communications, contact, text, map[string]string{
		"hs_communication_channel_type": "WHATS_APP", "hs_communication_logged_from": "CRM",
		"hs_communication_body": shortened(text.Text()), "hs_timestamp": moments(at),
	})
}

// Logged returns the id of the communication of a contact whose text holds the mark, "" for none. Associations and reads by
// id do not lag as the search does.
func (c *Client) Logged(ctx context.Context, contact, mark string) (string, error) {
	return c.findActivity(ctx, "hubspot.Logged", communications, contact, mark)
}

// Amend puts a line into a communication, in place of its forerunner; what people wrote into it stays. A repeat is harmless.
func (c *Client) Amend(ctx context.Context, id string, a chat.Amendment) error {
	const op = "hubspot.Amend"
	var o wireObject
	at := "/crm/objects/" + Version + "/communications/" + url.PathEscape(id)
	if err := c.get(ctx, op, at, url.Values{"properties": {communications.text}, "archived": {"false"}}, &o); err != nil {
		return err
	}
	was := o.Properties[communications.text].text
	body := a.With(markup).In(was, lineBreak)
	if body == was {
		return nil
	}
	call := rest.Call{Op: op, Method: http.MethodPatch, Path: at, Timeout: writeTimeout,
		Body: map[string]any{"properties": map[string]string{communications.text: body}}}
	_, err := c.do(ctx, call, []string{body, a.Line}, nil)
	return err
}

// AddTask makes a task on a contact, due at an instant, for whoever looks after it
// (https://developers.hubspot.com/docs/api-reference/latest/crm/activities/tasks/guide).
func (c *Client) AddTask(ctx context.Context, contact, subject string, text crm.Value, due time.Time) (string, error) {
	return c.addActivity(ctx, "hubspot.AddTask", tasks, contact, text, map[string]string{
		"hs_task_subject": subject, "hs_task_body": markup(text.Text()), "hs_task_status": "NOT_STARTED",
		"hs_task_priority": "HIGH", "hs_task_type": "TODO", "hs_timestamp": moments(due),
	})
}

// Tasked returns the id of the task of a contact whose text holds the mark, "" for none.
func (c *Client) Tasked(ctx context.Context, contact, mark string) (string, error) {
	return c.findActivity(ctx, "hubspot.Tasked", tasks, contact, mark)
}

// lineBreak is a line's end where HubSpot shows HTML.
const lineBreak = "<br>"

// markup turns plain text into what the timeline shows as that text.
func markup(s string) string {
	return strings.ReplaceAll(html.EscapeString(s), "\n", lineBreak)
}

// maxBody is how long the body of a communication may be, in bytes of its markup: HubSpot takes 65,536 characters, and a status is put into
// it later.
const maxBody = 65_000

// shortened is the markup of a text, without the end of what stands before its last line where it is too long: a quotation mark alone
// is five characters there. The last line, by which it is found again, stays whole.
func shortened(s string) string {
	whole := markup(s)
	if len(whole) <= maxBody {
		return whole
	}
	last := max(0, strings.LastIndexByte(s, '\n'))
	end := markup(" […]" + s[last:])
	var b strings.Builder
	for _, r := range s[:last] {
		next := markup(string(r))
		if b.Len()+len(next)+len(end) > maxBody {
			break
		}
		b.WriteString(next)
	}
	return b.String() + end
}

func moments(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (c *Client) addActivity(ctx context.Context, op string, a activity, contact string, text crm.Value, props map[string]string) (string, error) {
	call := rest.Call{Op: op, Method: http.MethodPost, Path: "/crm/objects/" + Version + "/" + a.plural, Timeout: writeTimeout, Body: map[string]any{
		"properties": props,
		"associations": []map[string]any{{"to": map[string]string{"id": contact},
			"types": []map[string]any{{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": a.toContact}}}},
	}}
	sent := []string{text.Text(), markup(text.Text())}
	var o wireObject
	if _, err := c.do(ctx, call, sent, &o); err != nil {
		return "", err
	}
	if o.ID == "" {
		return "", &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("an answer without an id")}
	}
	return string(o.ID), nil
}

func (c *Client) findActivity(ctx context.Context, op string, a activity, contact, mark string) (string, error) {
	ids, err := c.activityIDs(ctx, op, a, contact)
	if err != nil {
		return "", err
	}
	mark = markup(mark)
	for some := range slices.Chunk(ids, batchSize) {
		inputs := make([]map[string]string, len(some))
		for i, id := range some {
			inputs[i] = map[string]string{"id": id}
		}
		var answer struct {
			Results []wireObject `json:"results"`
		}
		body := map[string]any{"inputs": inputs, "properties": []string{a.text}, "propertiesWithHistory": []string{}}
		if err := c.ask(ctx, op, "/crm/objects/"+Version+"/"+a.plural+"/batch/read", body, &answer); err != nil {
			return "", err
		}
		for _, o := range answer.Results {
			if strings.Contains(o.Properties[a.text].text, mark) {
				return string(o.ID), nil
			}
		}
	}
	return "", nil
}

// activityIDs lists the activities of a contact, the last listed first: HubSpot lists them in the order of their making,
// which it does not promise.
func (c *Client) activityIDs(ctx context.Context, op string, a activity, contact string) ([]string, error) {
	var ids []string
	query := url.Values{"limit": {"500"}}
	for range maxLinkPages {
		var answer struct {
			Results []struct {
				ID text `json:"toObjectId"`
			} `json:"results"`
			Paging struct {
				Next struct {
					After text `json:"after"`
				} `json:"next"`
			} `json:"paging"`
		}
		if err := c.get(ctx, op, object(crm.Contacts, contact)+"/associations/"+a.plural, query, &answer); err != nil {
			return nil, err
		}
		for _, r := range answer.Results {
			ids = append(ids, string(r.ID))
		}
		if answer.Paging.Next.After == "" {
			slices.Reverse(ids)
			return ids, nil
		}
		query.Set("after", string(answer.Paging.Next.After))
	}
	return nil, &fault.Error{Op: op, Kind: fault.Conflict, Code: fault.CauseCrowded, Err: errors.New("more activities than can be looked through")}
}
