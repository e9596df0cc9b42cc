"""The zoo: one Service of every shape that the answers of a cluster DNS depend on.

`WORLD` is before, `CHANGES` are made while both servers run: what is there again is replaced, what
has `delete` in front goes.
"""

from __future__ import annotations

LONG = "n" + "-a" * 31  # 63 characters

_CROWD = " ".join(f"10.244.{20 + n // 60}.{n % 60 + 1}" for n in range(120))
_HOSTS = " ".join(f"crew-{n}=10.244.30.{n + 1}" for n in range(40))
_LINKS = "\n".join(
    f"service zoo/link-{n} external link-{n + 1}.zoo.svc.cluster.local" for n in range(14)
)

WORLD = f"""
namespace zoo
namespace empty
namespace a
namespace svc
namespace pod
namespace dns
namespace tcp
namespace 10-244-1-1
namespace {LONG}

; --- ClusterIP -----------------------------------------------------------------------------------
service zoo/web 10.96.1.1 http:80/tcp metrics:9153/tcp
slice zoo/web-a of web 10.244.1.1 10.244.1.2 named=10.244.1.3 http:8080/tcp metrics:9153/tcp
service zoo/unnamed 10.96.1.2 :80/tcp
slice zoo/unnamed-a of unnamed 10.244.1.4 :8080/tcp
service zoo/six fd00:10:96::11 http:80/tcp
slice zoo/six-a of six fd00:10:244::1 fd00:10:244:: http:80/tcp
service zoo/dual 10.96.1.3 fd00:10:96::13 http:80/tcp dns:53/udp
slice zoo/dual-a of dual 10.244.1.5 http:80/tcp dns:53/udp
slice zoo/dual-b of dual fd00:10:244::5 http:80/tcp dns:53/udp
service zoo/dual-six fd00:10:96::14 10.96.1.4 http:80/tcp
service zoo/protocols 10.96.1.5 dns:53/udp dns-tcp:53/tcp call:5060/sctp web:80/tcp
slice zoo/protocols-a of protocols 10.244.1.6 dns:53/udp dns-tcp:53/tcp call:5060/sctp web:80/tcp
service zoo/no-endpoints 10.96.1.6 http:80/tcp
service zoo/all-unready 10.96.1.7 http:80/tcp
slice zoo/all-unready-a of all-unready 10.244.1.7!unready http:80/tcp
service zoo/twins-a 10.96.1.8 http:80/tcp
slice zoo/twins-a-1 of twins-a 10.244.1.8 http:80/tcp
service zoo/twins-b 10.96.1.9 http:80/tcp
slice zoo/twins-b-1 of twins-b 10.244.1.8 http:80/tcp
service default/api 10.96.1.10 https:443/tcp
slice default/api-a of api 10.244.1.10 https:6443/tcp

; --- headless ------------------------------------------------------------------------------------
service zoo/db headless pg:5432/tcp
slice zoo/db-a of db db-0=10.244.2.1@db-0 db-1=10.244.2.2@db-1 10.244.2.3@db-2!unready pg:5432/tcp
service zoo/db-dual headless pg:5432/tcp
slice zoo/db-dual-a of db-dual db-0=10.244.2.4 10.244.2.5@x pg:5432/tcp
slice zoo/db-dual-b of db-dual db-0=fd00:10:244:2::4 fd00:10:244:2:: pg:5432/tcp
service zoo/selected headless selector pg:5432/tcp
slice zoo/selected-a of selected 10.244.2.6 pg:5432/tcp
service zoo/portless headless
slice zoo/portless-a of portless 10.244.2.7 p-1=10.244.2.8
service zoo/portless-slice headless http:80/tcp
slice zoo/portless-slice-a of portless-slice 10.244.2.9
service zoo/same-host headless pg:5432/tcp
slice zoo/same-host-a of same-host same=10.244.2.10 same=10.244.2.11 other=10.244.2.12 pg:5432/tcp
service zoo/multi headless pg:5432/tcp
slice zoo/multi-a of multi m-0=10.244.2.13+10.244.2.14 10.244.2.15+10.244.2.16 pg:5432/tcp
service zoo/several headless pg:5432/tcp
slice zoo/several-a of several 10.244.2.17 pg:5432/tcp
slice zoo/several-b of several 10.244.2.18 pg:5433/tcp
slice zoo/several-c of several 10.244.2.17 pg:5432/tcp
service zoo/waiting headless pg:5432/tcp
slice zoo/waiting-a of waiting w-0=10.244.2.19!unready pg:5432/tcp
service zoo/tolerant headless publish-not-ready pg:5432/tcp
slice zoo/tolerant-a of tolerant t-0=10.244.2.20 10.244.2.21 pg:5432/tcp
service zoo/tolerant-slice headless publish-not-ready pg:5432/tcp
slice zoo/tolerant-slice-a of tolerant-slice ts-0=10.244.2.22!unready pg:5432/tcp
service zoo/leaving headless pg:5432/tcp
slice zoo/leaving-a of leaving l-0=10.244.2.23!terminating l-1=10.244.2.24 pg:5432/tcp
service zoo/all-leaving headless pg:5432/tcp
slice zoo/all-leaving-a of all-leaving 10.244.2.25!terminating pg:5432/tcp
service zoo/unsaid headless pg:5432/tcp
slice zoo/unsaid-a of unsaid 10.244.2.26!unsaid pg:5432/tcp
service zoo/nobody headless pg:5432/tcp
service zoo/only-six headless pg:5432/tcp
slice zoo/only-six-a of only-six six-0=fd00:10:244:2::27 pg:5432/tcp
service zoo/only-four headless pg:5432/tcp
slice zoo/only-four-a of only-four four-0=10.244.2.28 pg:5432/tcp
service zoo/no-number headless http:80/tcp
slice zoo/no-number-a of no-number 10.244.2.29 http:-/tcp
service zoo/fqdn headless http:80/tcp
slice zoo/fqdn-a of fqdn www.example.net http:80/tcp
service zoo/fqdn-mixed headless http:80/tcp
slice zoo/fqdn-mixed-a of fqdn-mixed www.example.net http:80/tcp
slice zoo/fqdn-mixed-b of fqdn-mixed 10.244.2.30 http:80/tcp
service zoo/crowd headless http:80/tcp
slice zoo/crowd-a of crowd {_CROWD} http:80/tcp
service zoo/crew headless http:80/tcp
slice zoo/crew-a of crew {_HOSTS} http:80/tcp
service zoo/udp-headless headless dns:53/udp dns-tcp:53/tcp
slice zoo/udp-headless-a of udp-headless u-0=10.244.2.31 dns:53/udp dns-tcp:53/tcp
service zoo/odd-v6 headless http:80/tcp
slice zoo/odd-v6-a of odd-v6 fd00::1 fd00:10:244:5:: fd00:0:0:1::1 http:80/tcp
service zoo/soon-orphan headless http:80/tcp
slice zoo/soon-orphan-a of soon-orphan soon=10.244.2.42 http:80/tcp
slice zoo/orphan-a of orphan lost=10.244.2.40 http:80/tcp
slice zoo/unlabelled-a of - stray=10.244.2.41 http:80/tcp

; --- ExternalName --------------------------------------------------------------------------------
service zoo/ext-out external www.example.net
service zoo/ext-dot external web.zoo.svc.cluster.local.
service zoo/ext-web external web.zoo.svc.cluster.local
service zoo/ext-dual external dual.zoo.svc.cluster.local
service zoo/ext-db external db.zoo.svc.cluster.local
service zoo/ext-host external db-0.db.zoo.svc.cluster.local
service zoo/ext-waiting external waiting.zoo.svc.cluster.local
service zoo/ext-missing external gone.zoo.svc.cluster.local
service zoo/ext-missing-ns external web.gone.svc.cluster.local
service zoo/ext-between external zoo.svc.cluster.local
service zoo/ext-apex external cluster.local
service zoo/ext-version external dns-version.cluster.local
service zoo/ext-self external ext-self.zoo.svc.cluster.local
service zoo/ext-ping external ext-pong.zoo.svc.cluster.local
service zoo/ext-pong external ext-ping.zoo.svc.cluster.local
service zoo/ext-below external a.ext-below.zoo.svc.cluster.local
service zoo/ext-reverse external 1.1.96.10.in-addr.arpa
service zoo/ext-address external 10.9.8.7
service zoo/ext-ports external web.zoo.svc.cluster.local http:80/tcp
service zoo/ext-to-out external ext-out.zoo.svc.cluster.local
service a/ext-over external ext-web.zoo.svc.cluster.local
{_LINKS}
service zoo/link-14 10.96.1.20 http:80/tcp

; --- names that look like something else ---------------------------------------------------------
service svc/svc 10.96.2.1 svc:80/tcp
service pod/pod 10.96.2.2 pod:80/tcp
service tcp/tcp 10.96.2.3 tcp:80/tcp
service dns/ns 10.96.2.4 dns:53/udp
service {LONG}/{LONG.replace("n-", "s-", 1)} 10.96.2.5 p-a-a-a-a-a-a-a:80/tcp
service zoo/a1-2-3-4 10.96.2.6 a1:80/tcp
service zoo/a--b 10.96.2.7 http:80/tcp
service zoo/tcp headless tcp:80/tcp
slice zoo/tcp-a of tcp tcp=10.244.3.1 tcp:80/tcp
service zoo/xn--caf-dma 10.96.2.8 http:80/tcp
service zoo/hosted headless http:80/tcp
slice zoo/hosted-a of hosted 10-244-9-9=10.244.3.2 hosted=10.244.3.3 http:80/tcp

pod zoo/one 10.244.7.1
pod zoo/two 10.244.7.2 fd00:10:244:7::2
pod empty/three 10.244.7.3
"""

CHANGES = f"""
service zoo/web 10.96.1.1 http:81/tcp extra:9000/udp
slice zoo/web-a of web 10.244.1.1 10.244.1.9 renamed=10.244.1.3 http:8080/tcp metrics:9153/tcp
slice zoo/db-a of db db-0=10.244.2.101 db-1=10.244.2.2!unready db-2=10.244.2.3 pg:5433/tcp
slice zoo/waiting-a of waiting w-0=10.244.2.19 pg:5432/tcp
slice zoo/all-leaving-a of all-leaving 10.244.2.25 pg:5432/tcp
slice zoo/leaving-a of leaving l-0=10.244.2.23!terminating l-1=10.244.2.24!terminating pg:5432/tcp
slice zoo/crowd-a of crowd {" ".join(_CROWD.split()[:60])} http:80/tcp
slice zoo/only-four-b of only-four four-0=fd00:10:244:2::28 pg:5432/tcp
service zoo/ext-web external dual.zoo.svc.cluster.local
service zoo/ext-out external ftp.example.net
service zoo/new 10.96.3.1 http:80/tcp
service empty/first 10.96.3.2 http:80/tcp
namespace late
service late/late headless http:80/tcp
slice late/late-a of late late-0=10.244.4.1 http:80/tcp
service zoo/orphan headless http:80/tcp
pod zoo/four 10.244.7.4
delete service zoo/protocols
delete slice zoo/protocols-a
delete slice zoo/several-b
delete service zoo/db-dual
delete slice zoo/db-dual-a
delete slice zoo/db-dual-b
delete service zoo/soon-orphan
delete service tcp/tcp
delete namespace tcp
delete service zoo/link-7
delete pod zoo/one
"""
