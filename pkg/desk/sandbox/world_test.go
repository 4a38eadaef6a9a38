package sandbox

import (
	"log/slog"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
)

func TestAContactCreatedInHubSpotAppearsInZohoAndStaysInStep(t *testing.T) {
	w, err := NewWorld(WorldOptions{Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	id, err := w.HubSpot.Create(crm.Contacts, map[string]string{"email": "anna@acme.example", "firstname": "Anna", "lastname": "Rossi", "phone": "+39 06 1234 5678"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	zs := w.Zoho.IDs(crm.Contacts)
	t.Log(w.Doors, zs, w.HubSpot.Calls(), w.Zoho.Calls())
	if len(zs) != 1 {
		t.Fatalf("zoho has %d contacts, want 1", len(zs))
	}
	z, _ := w.Zoho.Props(crm.Contacts, zs[0])
	t.Log(z)
	if z["Last_Name"] != "Rossi" || z["HubSpot_Id"] != id {
		t.Errorf("zoho shows %v", z)
	}
	if err := w.Zoho.Edit(crm.Contacts, zs[0], map[string]string{"Last_Name": "Verdi"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	h, _ := w.HubSpot.Props(crm.Contacts, id)
	if h["lastname"] != "Verdi" {
		t.Errorf("hubspot shows %v", h)
	}
	t.Log(w.Doors, w.HubSpot.Calls(), w.Zoho.Calls())
}
