package conversion

import "encoding/json"

// Document returns the event as a document of the schema. Decode at the instant at which it was received gives the event
// back: this is how it travels in the queue and lies in the ledger.
func (e Event) Document() []byte {
	b := make([]byte, 0, 320)
	b = append(b, '{')
	if e.ID != "" {
		b = member(b, "id_evento", e.ID)
	}
	b = member(b, "id_cliente", e.Client)
	b = member(b, "evento", string(e.Type))
	b = member(b, "timestamp", e.At.UTC().Format("2006-01-02T15:04:05.000Z"))
	b = append(b, `,"valore":`...)
	b = append(b, e.Value.String()...)
	b = member(b, "valuta", string(e.Currency))
	b = member(b, "canale", string(e.Channel))
	b = member(b, "stato", string(e.State))
	if e.Metadata != (Metadata{}) {
		b = append(b, `,"metadati":{`...)
		b = optional(b, "campagna", e.Metadata.Campaign)
		b = optional(b, "dispositivo", e.Metadata.Device)
		b = optional(b, "localita", e.Metadata.Place)
		b = append(b, '}')
	}
	return append(b, '}')
}

// member appends a member, and the comma before it.
func member(b []byte, key, value string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(append(b, '"'), key...), '"', ':')
	text, _ := json.Marshal(value) // a string always encodes
	return append(b, text...)
}

func optional(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return member(b, key, value)
}
