# find_package(proxyfuse COMPONENTS sampler) after `cmake --install`; `--component` picks one part.
include(CMakePackageConfigHelpers)

configure_package_config_file(cmake/proxyfuseConfig.cmake.in proxyfuseConfig.cmake
                              INSTALL_DESTINATION ${PROXYFUSE_CMAKE_DIR})
write_basic_package_version_file(proxyfuseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/proxyfuseConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/proxyfuseConfigVersion.cmake
        DESTINATION ${PROXYFUSE_CMAKE_DIR} COMPONENT sampler)
