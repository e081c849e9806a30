package main

import (
	"fmt"
	"slices"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkSelectors reports each selector that matches nothing. Most select pods of the same build; the peers of a
// NetworkPolicy and the targets of a monitor may be in any build.
func (b Build) checkSelectors(builds []Build, r *Report) {
	own := b.pods()
	var all []pod
	var services []Object
	for _, each := range builds {
		all = append(all, each.pods()...)
		for _, o := range each.Objects {
			if o.Kind == "Service" {
				services = append(services, o)
			}
		}
	}
	for _, o := range b.Objects {
		selectorCheck{b.where(o), r}.object(o, own, all, services)
	}
	for _, p := range own {
		for _, spread := range p.spec.TopologySpreadConstraints {
			selectorCheck{b.where(p.of), r}.itself(spread.LabelSelector, p.meta)
		}
	}
}

// selectorCheck checks the selectors of one object.
type selectorCheck struct {
	where string
	r     *Report
}

// object checks the selectors of an object, given the pods of its build, the pods of all builds, and all Services.
func (c selectorCheck) object(o Object, own, all []pod, services []Object) {
	switch v := o.Value.(type) {
	case *core.Service:
		if len(v.Spec.Selector) > 0 {
			c.service(v, own)
		}
	case *disruption.PodDisruptionBudget:
		c.selects("selector", v.Spec.Selector, own)
	case *networking.NetworkPolicy:
		c.selects("podSelector", &v.Spec.PodSelector, own)
		for _, peer := range peers(v) {
			if peer.PodSelector != nil && peer.NamespaceSelector == nil {
				c.selects("peer", peer.PodSelector, all)
			}
		}
	case *monitoring.PodMonitor:
		found := c.selects("selector", &v.Spec.Selector, all)
		for _, e := range v.Spec.PodMetricsEndpoints {
			if e.Port != nil {
				c.port(intstr.FromString(*e.Port), found)
			}
		}
	case *monitoring.ServiceMonitor:
		c.serviceMonitor(v, services)
	case *apps.Deployment:
		c.itself(v.Spec.Selector, v.Spec.Template.ObjectMeta)
	case *apps.StatefulSet:
		c.itself(v.Spec.Selector, v.Spec.Template.ObjectMeta)
	case *apps.DaemonSet:
		c.itself(v.Spec.Selector, v.Spec.Template.ObjectMeta)
	}
}

// selects returns the pods that a selector matches.
func (c selectorCheck) selects(what string, selector *meta.LabelSelector, among []pod) []pod {
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		c.r.add(c.where, fmt.Sprintf("%s: %v", what, err))
		return nil
	}
	found := slices.DeleteFunc(slices.Clone(among), func(p pod) bool { return !s.Matches(labels.Set(p.meta.Labels)) })
	if len(found) == 0 {
		c.r.add(c.where, what+" matches no pod: "+meta.FormatLabelSelector(selector))
	}
	return found
}

// itself checks that a selector matches the pod template of its own object.
func (c selectorCheck) itself(selector *meta.LabelSelector, template meta.ObjectMeta) {
	c.selects("selector of its own pods", selector, []pod{{meta: template}})
}

// port checks that each pod has a container with the port.
func (c selectorCheck) port(port intstr.IntOrString, pods []pod) {
	for _, p := range pods {
		if !slices.ContainsFunc(p.spec.Containers, func(c core.Container) bool { return hasPort(c, port) }) {
			c.r.add(c.where, p.of.String()+" has no port "+port.String())
		}
	}
}

func hasPort(c core.Container, port intstr.IntOrString) bool {
	return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool {
		return port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
	})
}

func (c selectorCheck) service(s *core.Service, pods []pod) {
	found := c.selects("selector", &meta.LabelSelector{MatchLabels: s.Spec.Selector}, pods)
	for _, p := range s.Spec.Ports {
		target := p.TargetPort
		if target == (intstr.IntOrString{}) {
			target = intstr.FromInt32(p.Port)
		}
		c.port(target, found)
	}
}

func (c selectorCheck) serviceMonitor(m *monitoring.ServiceMonitor, services []Object) {
	s, err := meta.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil {
		c.r.add(c.where, err.Error())
		return
	}
	found := false
	for _, o := range services {
		service := o.Value.(*core.Service)
		if !s.Matches(labels.Set(service.Labels)) {
			continue
		}
		found = true
		for _, e := range m.Spec.Endpoints {
			if e.Port != "" && !slices.ContainsFunc(service.Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port }) {
				c.r.add(c.where, o.String()+" has no port "+e.Port)
			}
		}
	}
	if !found {
		c.r.add(c.where, "selector matches no Service: "+meta.FormatLabelSelector(&m.Spec.Selector))
	}
}

func peers(n *networking.NetworkPolicy) []networking.NetworkPolicyPeer {
	var all []networking.NetworkPolicyPeer
	for _, rule := range n.Spec.Ingress {
		all = append(all, rule.From...)
	}
	for _, rule := range n.Spec.Egress {
		all = append(all, rule.To...)
	}
	return all
}
