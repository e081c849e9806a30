package events

import "testing"

// FuzzEvents: any value may be the last event of a subject.
func FuzzEvents(f *testing.F) {
	for _, value := range [][]byte{
		nil, []byte(`{}`), []byte(`null`), []byte(`[[[`), []byte("\xff"),
		[]byte(`{"median":[1e308],"p25":[-1e308],"p75":null,"n_used":-1,"as_of":{"seq":-1}}`),
		[]byte(`{"type":"attack_profile","revision":[1,2,3],"turn":1e9,"life":["x"]}`),
		[]byte(`{"type":"attack_profile","revision":[1,2],"turn":1,"epoch":2,"life":"x"}`),
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if h := parseHeader(value); IsBefore(value, value) {
			t.Fatalf("%q with the order %v is before itself", value, h.Order)
		}
	})
}
