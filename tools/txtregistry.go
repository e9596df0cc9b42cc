// One pass of external-dns over a zone that is given as JSON, with its own TXT registry, planner and
// in-memory provider: what it would change, and what it thinks of each record.  tools/peers.sh builds
// it; tests/providers/test_external_dns.py asks it.
package main

import (
	"context"
	"encoding/json"
	"os"

	"sigs.k8s.io/external-dns/endpoint"
	"sigs.k8s.io/external-dns/pkg/apis/externaldns"
	"sigs.k8s.io/external-dns/plan"
	"sigs.k8s.io/external-dns/provider/inmemory"
	"sigs.k8s.io/external-dns/registry/txt"
)

type record struct {
	Name    string            `json:"name"`
	Type    string            `json:"type"`
	TTL     int64             `json:"ttl"`
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

type question struct {
	Zone     string   `json:"zone"`
	Owner    string   `json:"owner"`
	Prefix   string   `json:"prefix"`
	Suffix   string   `json:"suffix"`
	Wildcard string   `json:"wildcard"`
	Key      string   `json:"key"`
	Records  []record `json:"records"`
	Desired  []record `json:"desired"`
}

type answer struct {
	Seen    []record `json:"seen"`
	Create  []record `json:"create"`
	Update  []record `json:"update"`
	Delete  []record `json:"delete"`
	Records []record `json:"records"`
}

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func endpoints(records []record) []*endpoint.Endpoint {
	made := []*endpoint.Endpoint{}
	for _, r := range records {
		e := endpoint.NewEndpointWithTTL(r.Name, r.Type, endpoint.TTL(r.TTL), r.Targets...)
		for key, value := range r.Labels {
			e.Labels[key] = value
		}
		made = append(made, e)
	}
	return made
}

func told(endpoints []*endpoint.Endpoint) []record {
	made := []record{}
	for _, e := range endpoints {
		made = append(made, record{e.DNSName, e.RecordType, int64(e.RecordTTL), e.Targets, e.Labels})
	}
	return made
}

func main() {
	var asked question
	check(json.NewDecoder(os.Stdin).Decode(&asked))
	ctx := context.Background()
	zone := inmemory.NewInMemoryProvider(inmemory.InMemoryInitZones([]string{asked.Zone}))
	check(zone.ApplyChanges(ctx, &plan.Changes{Create: endpoints(asked.Records)}))

	managed := []string{endpoint.RecordTypeA, endpoint.RecordTypeAAAA, endpoint.RecordTypeCNAME}
	registry, err := txt.New(&externaldns.Config{
		TXTOwnerID: asked.Owner, TXTPrefix: asked.Prefix, TXTSuffix: asked.Suffix,
		TXTWildcardReplacement: asked.Wildcard, ManagedDNSRecordTypes: managed,
		TXTEncryptEnabled: asked.Key != "", TXTEncryptAESKey: asked.Key,
	}, zone)
	check(err)
	current, err := registry.Records(ctx)
	check(err)
	made := (&plan.Plan{
		Policies: []plan.Policy{&plan.SyncPolicy{}}, Current: current, Desired: endpoints(asked.Desired),
		ManagedRecords: managed, OwnerID: registry.OwnerID(),
	}).Calculate()
	answered := answer{
		Seen: told(current), Create: told(made.Changes.Create),
		Update: told(made.Changes.UpdateNew), Delete: told(made.Changes.Delete),
	}
	check(registry.ApplyChanges(ctx, made.Changes))
	after, err := zone.Records(ctx)
	check(err)
	answered.Records = told(after)
	check(json.NewEncoder(os.Stdout).Encode(answered))
}
