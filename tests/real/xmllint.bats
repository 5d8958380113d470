#!/usr/bin/env bats
load real

@test "xmllint: 30 MB" {
    awk 'BEGIN {
        print "<?xml version=\"1.0\"?>\n<items>"
        for (i = 0; i < 270000; i++)
            printf "  <item id=\"%d\" kind=\"k%d\"><name>item number %d</name><value>%d</value><!-- %d --></item>\n", \
                i, i % 17, i, i * 7919 % 10007, i
        print "</items>"
    }' >items.xml
    [ "$(stat -c %s items.xml)" -gt 24000000 ]
    alike xmllint --xpath 'count(//item[@kind="k3"])' items.xml
    [ "$(cat native.out)" = 15883 ]
    accounted
}

@test "xmllint with an error" {
    echo '<a><b></a>' >bad.xml
    alike xmllint bad.xml
    [ "$status" -eq 1 ]
    accounted
}
